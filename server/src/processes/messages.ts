// What the supervisor and its workers say to each other, over the channel between parent and child. Secrets travel
// here and nowhere else: neither arguments nor the environment of a worker carry them.
import type { ResolvedConfig } from '../config.ts';
import type { MetricsSnapshot } from '../telemetry/metrics.ts';

/** How one worker is to start. */
export interface Begin {
  readonly type: 'begin';
  /** 0 is the first, which prepares the stores. */
  readonly worker: number;
  readonly config: ResolvedConfig;
  /** The service's own children: when one is gone, it has surely exited. */
  readonly storesArePrivate: boolean;
  /** Migrate, load the function library. */
  readonly prepare: boolean;
  readonly seedDemo: boolean;
  readonly listen: ListenOptions;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Other workers listen on the same port. */
  readonly shared: boolean;
  /** Nobody else may be on the port yet, not even someone willing to share it. */
  readonly alone: boolean;
}

export type ToWorker =
  | Begin
  | { readonly type: 'collect'; readonly id: number; readonly withStock: boolean }
  | { readonly type: 'stop' };

/** Why a worker could not start, as far as the supervisor treats the reasons differently. */
export type StartFailure = 'configuration' | 'port' | 'stores' | 'unexpected';

export type FromWorker =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'failed'; readonly reason: StartFailure; readonly message: string }
  | { readonly type: 'metrics'; readonly id: number; readonly snapshot: MetricsSnapshot };

// The steps of which the lives of a sale and of its stores are made. A step says what somebody tries, where a process stops,
// or what breaks; what must come of it is the reference's to say (reference.ts).
import type { Cooldown } from '../../src/domain/sale-store.ts';

export const NAMES = ['ann', 'bob', 'cleo'] as const;
export const RESERVATION_KEYS = ['k1', 'k2', 'k3', 'k4', 'k5'] as const;

export interface Setup {
  readonly limits: { readonly perCustomer: number; readonly perAddress: number };
  /** From the sequence's beginning; null = no bound. */
  readonly opensInMs: number | null;
  readonly closesInMs: number | null;
  readonly cooldown: Cooldown | null;
}

/** Whose reservation, under which key, and who asks for it: mostly its own customer. */
export interface Target {
  readonly owner: string;
  readonly key: string;
  readonly asker: string;
  /** Aims at one of the reservations that live, or are there (play.ts); null = at just this one. */
  readonly pick: number | null;
}

export interface Attempt extends Pick<Target, 'owner' | 'key'> {
  readonly address: string;
  /** Quantity by item; zeros are no line. */
  readonly quantities: readonly number[];
  readonly ttlSeconds: number;
}

/** Where the process that works on the ledger stops, or what it is told there. */
export type LedgerFault =
  | null
  /** Surely nothing was committed. */
  | 'unreachable'
  /** Stopped before the COMMIT was sent, or after it: the caller cannot know which. */
  | 'stopped-before'
  | 'stopped-after';

export type ConfirmFault =
  | LedgerFault
  /** Between pin and COMMIT the store loses everything, or changes hands, and another process has rebuilt it. */
  | 'flushed-before'
  | 'moved-before'
  /** Everything is lost between COMMIT and apply. */
  | 'flushed-after';

export interface StockStep {
  readonly do: 'change-stock';
  readonly key: string;
  readonly sku: number;
  readonly delta: number;
  readonly expectedTotal: number | null;
  readonly fault: LedgerFault;
}

/** `looked`: the loss is noticed at once; else whoever comes next meets it. `stumbles`: the first rebuild stops half-way. */
interface Loss {
  readonly looked: boolean;
  readonly stumbles: boolean;
}

export type Step =
  | { readonly do: 'wait'; readonly ms: number }
  /** For the next reservation to be due, or the next pin or pend to end. */
  | {
      readonly do: 'wait-for-next';
      readonly what: 'deadline' | 'pin-end' | 'pend-end';
      readonly offsetMs: number;
    }
  /** How far the ledger's clock is ahead of the store's from now on. */
  | { readonly do: 'skew'; readonly ms: number }
  | { readonly do: 'reserve'; readonly attempts: readonly Attempt[] }
  | { readonly do: 'release'; readonly targets: readonly Target[] }
  | { readonly do: 'extend'; readonly target: Target; readonly seconds: number }
  | {
      readonly do: 'confirm';
      readonly target: Target;
      readonly payment: string | null;
      readonly fault: ConfirmFault;
    }
  /** Several in one transaction of the ledger. */
  | { readonly do: 'confirm-together'; readonly targets: readonly Target[] }
  | { readonly do: 'expire' | 'purge'; readonly limit: number }
  /** The ledger writer's run: the stream into the journal, then trimmed; or it stops between the two. */
  | { readonly do: 'write-journal'; readonly fault: LedgerFault }
  | { readonly do: 'relay' }
  /** The resolver's run: pins and pends whose time is over. */
  | { readonly do: 'resolve'; readonly fault: LedgerFault }
  | StockStep
  | { readonly do: 'add-item'; readonly total: number; readonly cap: number | null }
  /** `delivered`: false if its process stops after the COMMIT. */
  | { readonly do: 'close'; readonly delivered: boolean }
  | ({ readonly do: 'flush' } & Loss)
  | ({ readonly do: 'drop-key'; readonly index: number } & Loss)
  /** `kill`: with SIGKILL; else in good order. */
  | ({ readonly do: 'restart'; readonly kill: boolean } & Loss)
  /** The function library is loaded anew: every lease is gone, and nothing else. */
  | { readonly do: 'reload' }
  /** The store has another identity, as after a promotion. */
  | { readonly do: 'move'; readonly stumbles: boolean }
  /** A copy of the store's data is taken, and later the store comes back with that copy alone. */
  | { readonly do: 'back-up' }
  | ({ readonly do: 'rewind' } & Loss);

export interface Sequence {
  readonly setup: Setup;
  readonly steps: readonly Step[];
}

// The bench's end of the process in which all watch: so many WebSockets on one item, from the moment they are open until the
// process is ended. In a process of their own, so that they take no time from the load that is measured beside them.
import path from 'node:path';
import type { Place } from './order.ts';

export interface Watch {
  readonly place: Place;
  readonly sku: string;
  readonly sockets: number;
}

export interface Counted {
  /** Sockets that are open. */
  readonly open: number;
  /** Messages that came on all of them so far. */
  readonly messages: number;
}

export type ToWatchers = { readonly say: 'watch'; readonly watch: Watch } | { readonly say: 'count' };
export type FromWatchers =
  | { readonly say: 'counted'; readonly counted: Counted }
  | { readonly say: 'failed'; readonly message: string };

const PROCESS = path.join(import.meta.dir, 'watchers-process.ts');
const SILENT_FOR_MS = 60_000;

export class Watchers {
  private heard: PromiseWithResolvers<FromWatchers> = Promise.withResolvers();
  private readonly child: Bun.Subprocess;

  private constructor() {
    this.child = Bun.spawn([process.execPath, PROCESS], {
      stdio: ['ignore', 'inherit', 'inherit'],
      ipc: (message: FromWatchers) => this.heard.resolve(message),
      serialization: 'json',
      onExit: () => this.heard.resolve({ say: 'failed', message: 'the process of the watchers ended' }),
    });
  }

  /** Resolves when all of them have been sent the item. @throws if one of them was refused */
  static async watching(watch: Watch): Promise<Watchers> {
    const watchers = new Watchers();
    try {
      await watchers.ask({ say: 'watch', watch });
      return watchers;
    } catch (error) {
      await watchers.stop();
      throw error;
    }
  }

  count(): Promise<Counted> {
    return this.ask({ say: 'count' });
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.child.exited;
  }

  private async ask(message: ToWatchers): Promise<Counted> {
    this.heard = Promise.withResolvers();
    this.child.send(message);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('the watchers are silent')), SILENT_FOR_MS);
    const answer = await Promise.race([this.heard.promise, late.promise]).finally(() => clearTimeout(timer));
    if (answer.say === 'failed') throw new Error(`the watchers failed: ${answer.message}`);
    return answer.counted;
  }
}

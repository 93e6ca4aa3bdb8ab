// The bench's end of the load process.
import path from 'node:path';
import type { FromLoad, Order, Outcome, ToLoad } from './order.ts';

const PROCESS = path.join(import.meta.dir, 'process.ts');
/** Signing the tokens of the longest order takes some seconds; going through it, its length (two minutes at most) and the patience after it. */
const SILENT_FOR_MS = 180_000;

export class Loader {
  private heard: PromiseWithResolvers<FromLoad> = Promise.withResolvers();
  private readonly child: Bun.Subprocess;

  private constructor() {
    this.child = Bun.spawn([process.execPath, PROCESS], {
      stdio: ['ignore', 'inherit', 'inherit'],
      ipc: (message: FromLoad) => this.heard.resolve(message),
      serialization: 'json',
      onExit: () => this.heard.resolve({ say: 'failed', message: 'the load process ended' }),
    });
  }

  get pid(): number {
    return this.child.pid;
  }

  static async start(): Promise<Loader> {
    const loader = new Loader();
    await loader.expect('here');
    return loader;
  }

  /** Resolves when all requests are made and all connections are open. */
  async prepare(order: Order): Promise<void> {
    this.heard = Promise.withResolvers();
    this.tell({ say: 'prepare', order });
    await this.expect('prepared');
  }

  async go(): Promise<Outcome> {
    this.heard = Promise.withResolvers();
    this.tell({ say: 'go' });
    const message = await this.expect('done');
    return message.outcome;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.child.exited;
  }

  private tell(message: ToLoad): void {
    this.child.send(message);
  }

  private async expect<S extends FromLoad['say']>(say: S): Promise<Extract<FromLoad, { say: S }>> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('the load process is silent')), SILENT_FOR_MS);
    const message = await Promise.race([this.heard.promise, late.promise]).finally(() => clearTimeout(timer));
    if (message.say === 'failed') throw new Error(`the load failed: ${message.message}`);
    if (message.say !== say) throw new Error(`the load process said ${message.say} instead of ${say}`);
    return message as Extract<FromLoad, { say: S }>;
  }
}

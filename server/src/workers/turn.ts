// Whose turn it is: of all processes, one does the work that is wasteful to do twice (journal, relay, resolver,
// purge). The turn is a row in the ledger with an end: a process that is stopped or gone loses it within two seconds.
// Nothing depends on it for correctness; two that both believe they have it only do the same work twice.
import type { LedgerContract } from '../ledger/contract.ts';
import { Periodic, type Worker, type WorkerHealth, type WorkerLog } from './periodic.ts';

const TURN_MS = 2_000;
const RENEW_MS = 500;

export class Turn implements Worker {
  private heldUntilMs = Number.NEGATIVE_INFINITY;
  private readonly periodic: Periodic;

  constructor(
    private readonly ledger: Pick<LedgerContract, 'takeTurn' | 'giveTurn'>,
    private readonly turn: string,
    private readonly holder: string,
    log: WorkerLog,
  ) {
    this.periodic = new Periodic({ name: `turn:${turn}`, everyMs: RENEW_MS, run: () => this.renew(), log });
  }

  /** True while this process has the turn, by the time of its last renewal. */
  get isOurs(): boolean {
    return performance.now() < this.heldUntilMs;
  }

  get name(): string {
    return this.periodic.name;
  }

  get health(): WorkerHealth {
    return this.periodic.health;
  }

  start(): void {
    this.periodic.start();
  }

  async stop(): Promise<void> {
    await this.periodic.stop();
    if (!this.isOurs) return;
    this.heldUntilMs = Number.NEGATIVE_INFINITY;
    // The ledger out of reach: the turn ends by itself.
    await this.ledger.giveTurn(this.turn, this.holder).catch(() => undefined);
  }

  private async renew(): Promise<void> {
    const askedAtMs = performance.now();
    const ours = await this.ledger.takeTurn(this.turn, this.holder, TURN_MS);
    this.heldUntilMs = ours ? askedAtMs + TURN_MS : Number.NEGATIVE_INFINITY;
  }
}

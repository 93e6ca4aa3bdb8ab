// What the sequences came to, counted: proof that they reach what they are meant to reach.
import type { Moment } from './play.ts';
import type { Rebuilt } from './reference-rebuild.ts';
import type { VisibleLedger } from './view.ts';

export class Tally {
  sequences = 0;
  steps = 0;
  /** Rebuilds, and among the warm ones those that did something again. */
  readonly rebuilds = { warm: 0, cold: 0, replaying: 0, stumbled: 0 };
  /** Transitions that a loss took with it before the journal had them, and reservations answered as lost. */
  lostTransitions = 0;
  lostReservations = 0;
  private ledgerSeen: VisibleLedger | null = null;
  private readonly commands = new Map<string, number>();
  private readonly answers = new Map<string, number>();

  note({ step, reply, state }: Moment): void {
    this.steps += 1;
    count(this.commands, step.do);
    for (const answer of Array.isArray(reply) ? reply : [reply])
      count(this.answers, `${step.do}: ${wordOf(answer)}`);
    if (JSON.stringify(reply)?.includes('reservation-lost')) this.lostReservations += 1;
    if (state === null) return;
    if (state.ledger !== this.ledgerSeen) {
      this.ledgerSeen = state.ledger;
      for (const decided of Object.values(state.ledger.register))
        count(this.answers, `ledger: ${decided.split(' ')[0]}`);
    }
    for (const { total, reserved, sold } of state.store.snapshot.items)
      if (reserved + sold > total) count(this.answers, 'store: overdrawn');
  }

  noteEnd(rebuilds: readonly Rebuilt[]): void {
    this.sequences += 1;
    for (const { mode, stumbled, lost, replayed } of rebuilds) {
      this.rebuilds[mode] += 1;
      if (stumbled) this.rebuilds.stumbled += 1;
      if (replayed > 0) this.rebuilds.replaying += 1;
      this.lostTransitions += lost;
    }
  }

  /** Of these, the answers that never came. */
  missing(expected: readonly string[]): string[] {
    return expected.filter((answer) => !this.answers.has(answer));
  }

  commandsOf(kind: string): number {
    return this.commands.get(kind) ?? 0;
  }

  report(): string {
    const { warm, cold, replaying, stumbled } = this.rebuilds;
    const byKind = [...this.commands].sort((a, b) => b[1] - a[1]).map(([kind, times]) => `${kind} ${times}`);
    return [
      `${this.sequences} sequences, ${this.steps} commands: ${byKind.join(', ')}`,
      `rebuilds: ${warm} warm (${replaying} with something to do again), ${cold} cold, ${stumbled} of them stopped half-way`,
      `lost: ${this.lostTransitions} transitions that no journal had, ${this.lostReservations} answers reservation-lost`,
    ].join('\n');
  }
}

function wordOf(answer: unknown): string {
  if (typeof answer !== 'object' || answer === null) return String(answer);
  const { kind, refused, threw, orderId, replayed, pins, pends } = answer as Readonly<
    Record<string, unknown>
  >;
  if (orderId !== undefined) return 'confirmed';
  if (replayed !== undefined) return replayed ? 'replayed' : 'changed';
  if (pins !== undefined) return pins === 0 ? (pends === 0 ? 'nothing' : 'pends') : 'pins';
  return String(kind ?? refused ?? threw ?? 'done');
}

function count(counts: Map<string, number>, word: string): void {
  counts.set(word, (counts.get(word) ?? 0) + 1);
}

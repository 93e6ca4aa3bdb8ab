// Which fault comes next: dealt from the seed, each kind once before any comes again. What ends a process of the service is dealt in the
// first part of a run only: whether memory grows shows in processes that have lived for a while.

export const KINDS = [
  'redis-killed',
  'redis-frozen',
  'redis-connections-cut',
  'redis-silent',
  'redis-slow-network',
  'redis-flushed',
  'redis-functions-flushed',
  'postgres-killed',
  'postgres-frozen',
  'postgres-connections-cut',
  'postgres-silent',
  'postgres-slow-network',
  'clients-cut',
  'worker-killed',
  'service-restarted',
] as const;
export type Kind = (typeof KINDS)[number];

export const ENDS_PROCESSES: ReadonlySet<Kind> = new Set(['worker-killed', 'service-restarted']);
/** Of the run. */
export const PROCESSES_END_UNTIL = 0.4;
/** Both kinds that end processes are among the first few of the first round. */
const EARLY = 6;

export class Deck {
  private cards: Kind[];

  constructor(private readonly random: () => number) {
    const others = this.shuffled(KINDS.filter((kind) => !ENDS_PROCESSES.has(kind)));
    const early = this.shuffled([...ENDS_PROCESSES, ...others.slice(0, EARLY - ENDS_PROCESSES.size)]);
    this.cards = [...early, ...others.slice(EARLY - ENDS_PROCESSES.size)];
  }

  /** `share`: of the run that is over. */
  next(share: number): Kind {
    for (;;) {
      if (this.cards.length === 0) this.cards = this.shuffled(KINDS);
      const kind = this.cards.shift() as Kind;
      if (share <= PROCESSES_END_UNTIL || !ENDS_PROCESSES.has(kind)) return kind;
    }
  }

  private shuffled(kinds: readonly Kind[]): Kind[] {
    const rest = [...kinds];
    return kinds.map(() => rest.splice(Math.floor(this.random() * rest.length), 1)[0] as Kind);
  }
}

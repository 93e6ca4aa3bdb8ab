// A large cache that the garbage collector passes by. A map that was written to is looked through as a whole by each collection of
// young objects, several a second in a rush: of 50,000 entries that was 7 ms each time, in which nobody was answered. So
// they live in generations. Only the newest is written to; who is asked for moves there; the oldest goes as a whole.

export interface RecentlyUsedOptions {
  /** Most entries, one that was asked for again counted twice. */
  readonly max: number;
  /** Most characters of their keys. */
  readonly maxKeyLength: number;
}

/** More make a miss slower, which looks into each; fewer make the newest larger. */
const GENERATIONS = 12;

export class RecentlyUsed<V extends object> {
  /** Newest first. */
  private readonly generations: Map<string, V>[] = [new Map()];
  private keyLength = 0;
  private readonly maxOfOne: number;
  private readonly maxKeyLengthOfOne: number;

  constructor({ max, maxKeyLength }: RecentlyUsedOptions) {
    this.maxOfOne = Math.max(1, Math.floor(max / GENERATIONS));
    this.maxKeyLengthOfOne = maxKeyLength / GENERATIONS;
  }

  get(key: string): V | undefined {
    const newest = this.newest.get(key);
    if (newest !== undefined) return newest;
    const older = this.peek(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  /** As `get`, and it stays as old as it is. */
  peek(key: string): V | undefined {
    for (const generation of this.generations) {
      const value = generation.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  set(key: string, value: V): void {
    if (this.newest.size >= this.maxOfOne || this.keyLength + key.length > this.maxKeyLengthOfOne) this.age();
    this.newest.set(key, value);
    this.keyLength += key.length;
  }

  private get newest(): Map<string, V> {
    return this.generations[0] as Map<string, V>;
  }

  private age(): void {
    this.generations.unshift(new Map());
    if (this.generations.length > GENERATIONS) this.generations.pop();
    this.keyLength = 0;
  }
}

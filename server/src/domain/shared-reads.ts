// One reading for a crowd. Who asks for what is being read already shares the next reading with all others who do: it begins
// after they asked, so nobody is told anything older than what was true then, and a crowd costs one reading at a time.

interface UnderWay<V> {
  readonly current: Promise<V>;
  /** Begins when `current` has ended. */
  next?: Promise<V>;
}

/** Holds what is being read, by key, and nothing that was: its size is bounded by those who wait. */
export class SharedReads<V> {
  private readonly underWay = new Map<string, UnderWay<V>>();

  /** `read` must read the same for the same key. A reading that fails fails for all who share it; the next one begins anew. */
  run(key: string, read: () => Promise<V>): Promise<V> {
    const known = this.underWay.get(key);
    if (known === undefined) return this.begin(key, read);
    known.next ??= known.current.then(
      () => this.begin(key, read),
      () => this.begin(key, read),
    );
    return known.next;
  }

  private begin(key: string, read: () => Promise<V>): Promise<V> {
    const reading: UnderWay<V> = { current: read() };
    this.underWay.set(key, reading);
    const end = () => {
      if (reading.next === undefined) this.underWay.delete(key);
    };
    reading.current.then(end, end);
    return reading.current;
  }
}

// The levels of a sale over time, for a plot that runs all evening: a ring whose arrays are made once, and a view
// of a window of it, thinned to as many points as a plot can show. Neither grows, however long the page is open.

export interface Levels {
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
}

/**
 * x and the three levels as uPlot takes them, equally long, oldest first. The levels stand on each other, because they
 * add up to the total: sold at the bottom, then reserved, then available, whose upper edge is the total.
 */
export type StackedColumns = [
  atMs: Float64Array,
  withAvailable: Float64Array,
  withReserved: Float64Array,
  sold: Float64Array,
];

/** Points of one fineness. Of several updates in one bin the last one stands: a level, not a sum. */
export class LevelTrace {
  readonly #atMs: Float64Array;
  readonly #available: Float64Array;
  readonly #reserved: Float64Array;
  readonly #sold: Float64Array;
  #first = 0;
  #length = 0;

  /** Keeps `capacity` points, none closer than `binMs` to the next. */
  constructor(
    readonly capacity: number,
    readonly binMs: number,
  ) {
    this.#atMs = new Float64Array(capacity);
    this.#available = new Float64Array(capacity);
    this.#reserved = new Float64Array(capacity);
    this.#sold = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What the arrays take, for the test that they take it once. */
  get byteLength(): number {
    return (
      this.#atMs.byteLength + this.#available.byteLength + this.#reserved.byteLength + this.#sold.byteLength
    );
  }

  /** Updates may come late, of several sockets: one from before the newest bin counts as that bin's. */
  push(atMs: number, levels: Levels): void {
    const binAtMs = Math.floor(atMs / this.binMs) * this.binMs;
    if (this.#length === 0 || binAtMs > this.timeAt(this.#length - 1)) this.#append(binAtMs);
    const slot = this.#slot(this.#length - 1);
    this.#available[slot] = levels.available;
    this.#reserved[slot] = levels.reserved;
    this.#sold[slot] = levels.sold;
  }

  /** `index` counts from the oldest point that is kept. */
  timeAt(index: number): number {
    return this.#atMs[this.#slot(index)] ?? Number.NaN;
  }

  availableAt(index: number): number {
    return this.#available[this.#slot(index)] ?? Number.NaN;
  }

  reservedAt(index: number): number {
    return this.#reserved[this.#slot(index)] ?? Number.NaN;
  }

  soldAt(index: number): number {
    return this.#sold[this.#slot(index)] ?? Number.NaN;
  }

  /** The last point at or before the moment, or −1. */
  indexAt(atMs: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timeAt(middle) <= atMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  clear(): void {
    this.#first = 0;
    this.#length = 0;
  }

  #append(binAtMs: number): void {
    if (this.#length < this.capacity) this.#length += 1;
    else this.#first = (this.#first + 1) % this.capacity;
    this.#atMs[this.#slot(this.#length - 1)] = binAtMs;
  }

  #slot(index: number): number {
    return (this.#first + index) % this.capacity;
  }
}

/** Both edges of the window are points of their own. */
const EDGES = 2;

/** Arrays that one plot draws from, filled anew for each drawing. */
export class TraceView {
  readonly #columns: StackedColumns;

  /** Shows at most `maxPoints`: more than the plot is wide cannot be seen. */
  constructor(readonly maxPoints: number) {
    const column = () => new Float64Array(maxPoints);
    this.#columns = [column(), column(), column(), column()];
  }

  /** The window [fromMs, toMs]: it begins with the level that held then, and ends with the one that holds. */
  fill(trace: LevelTrace, fromMs: number, toMs: number): StackedColumns {
    // Thinned by absolute time, so that a window that moves on keeps the points it has shown.
    const thinMs = Math.max(trace.binMs, Math.ceil((toMs - fromMs) / (this.maxPoints - EDGES - 1)));
    const before = trace.indexAt(fromMs);
    const last = trace.indexAt(toMs);
    let length = before < 0 ? 0 : this.#put(0, fromMs, trace, before);
    let bin = Number.NEGATIVE_INFINITY;
    for (let index = before + 1; index <= last; index += 1) {
      const atMs = trace.timeAt(index);
      const ownBin = Math.floor(atMs / thinMs);
      length = this.#put(ownBin === bin ? length - 1 : length, atMs, trace, index);
      bin = ownBin;
    }
    if (last >= 0) length = this.#put(length, toMs, trace, last);
    return this.#columns.map((column) => column.subarray(0, length)) as StackedColumns;
  }

  #put(position: number, atMs: number, trace: LevelTrace, index: number): number {
    if (position >= this.maxPoints) throw new Error(`the view has room for ${this.maxPoints} points`);
    const [at, withAvailable, withReserved, sold] = this.#columns;
    at[position] = atMs;
    sold[position] = trace.soldAt(index);
    withReserved[position] = trace.soldAt(index) + trace.reservedAt(index);
    withAvailable[position] = trace.soldAt(index) + trace.reservedAt(index) + trace.availableAt(index);
    return position + 1;
  }
}

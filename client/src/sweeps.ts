// The two sweeps over what customers were told (I9, I10). Both cost O(n log n) and neither cries wolf: they
// get bounds that hold whatever the delays were (spans.ts), and report only what no order of events explains.

/** Units of one SKU over a stretch of time, [fromMs, untilMs). */
export interface Span {
  readonly sku: string;
  readonly quantity: number;
  readonly fromMs: number;
  /** Infinity = for good. */
  readonly untilMs: number;
}

/** Someone was told, at one moment within [sentAtMs, receivedAtMs], that fewer than `quantity` units were there. */
export interface SoldOutClaim {
  readonly shopper: string;
  readonly sku: string;
  readonly quantity: number;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
}

export interface Oversell {
  readonly sku: string;
  /** The moment at which most units were promised. */
  readonly atMs: number;
  readonly promised: number;
  readonly total: number;
}

export interface FalseSoldOut extends SoldOutClaim {
  /** The most that could have been taken while the claim was made. */
  readonly mostTaken: number;
  readonly total: number;
}

/** SKU → units there are. */
export type Totals = ReadonlyMap<string, number>;

/**
 * I9: the units that surely were promised at one moment never exceed the total. Reports the worst moment of
 * each SKU that breaks it. A span that ends where another begins does not overlap it.
 */
export function oversells(surelyHeld: readonly Span[], totals: Totals): Oversell[] {
  const found: Oversell[] = [];
  for (const [sku, spans] of bySku(surelyHeld)) {
    const total = totalOf(totals, sku);
    const level = levelsOf(spans, 'ends-first');
    let worst = -1;
    for (let i = 0; i < level.sum.length; i += 1) {
      if (at(level.sum, i) > (worst < 0 ? total : at(level.sum, worst))) worst = i;
    }
    if (worst >= 0) found.push({ sku, atMs: at(level.timeMs, worst), promised: at(level.sum, worst), total });
  }
  return found;
}

/**
 * I10: a refusal for q units is false if all that could have been taken at any moment of it leaves q units.
 * Reports every such claim. A span counts at both of its ends. Not for SKUs with a waitlist: its turn comes
 * before stock that is there.
 */
export function falseSoldOuts(
  possiblyHeld: readonly Span[],
  claims: readonly SoldOutClaim[],
  totals: Totals,
): FalseSoldOut[] {
  const spans = bySku(possiblyHeld);
  const found: FalseSoldOut[] = [];
  for (const [sku, claimsOfSku] of bySku(claims)) {
    const total = totalOf(totals, sku);
    const level = levelsOf(spans.get(sku) ?? [], 'starts-first');
    const most = new RangeMaximum(level.sum);
    for (const claim of claimsOfSku) {
      const first = lowerBound(level.timeMs, claim.sentAtMs);
      const end = upperBound(level.timeMs, claim.receivedAtMs);
      const before = first === 0 ? 0 : at(level.sum, first - 1);
      const mostTaken = Math.max(before, most.over(first, end));
      if (mostTaken <= total - claim.quantity) found.push({ ...claim, mostTaken, total });
    }
  }
  return found;
}

/** The sum of open spans after each start and end, in order of time. */
interface Levels {
  readonly timeMs: Float64Array;
  readonly sum: Float64Array;
}

function levelsOf(spans: readonly Span[], ties: 'ends-first' | 'starts-first'): Levels {
  const events: { timeMs: number; change: number }[] = [];
  for (const { fromMs, untilMs, quantity } of spans) {
    if (untilMs < fromMs) continue;
    events.push({ timeMs: fromMs, change: quantity });
    if (untilMs !== Number.POSITIVE_INFINITY) events.push({ timeMs: untilMs, change: -quantity });
  }
  const sign = ties === 'ends-first' ? 1 : -1;
  events.sort((a, b) => a.timeMs - b.timeMs || sign * (a.change - b.change));
  const timeMs = new Float64Array(events.length);
  const sum = new Float64Array(events.length);
  let running = 0;
  for (const [i, event] of events.entries()) {
    running += event.change;
    timeMs[i] = event.timeMs;
    sum[i] = running;
  }
  return { timeMs, sum };
}

/** The largest of a stretch in O(log n): a binary tree laid out in an array, leaves in its second half. */
class RangeMaximum {
  readonly #tree: Float64Array;
  readonly #leaves: number;

  constructor(values: Float64Array) {
    this.#leaves = values.length;
    this.#tree = new Float64Array(values.length * 2);
    this.#tree.set(values, values.length);
    for (let i = values.length - 1; i > 0; i -= 1) {
      this.#tree[i] = Math.max(at(this.#tree, 2 * i), at(this.#tree, 2 * i + 1));
    }
  }

  /** Over [first, end); 0 if that is empty. */
  over(first: number, end: number): number {
    let most = 0;
    let left = first + this.#leaves;
    let right = end + this.#leaves;
    while (left < right) {
      if (left % 2 === 1) most = Math.max(most, at(this.#tree, left++));
      if (right % 2 === 1) most = Math.max(most, at(this.#tree, --right));
      left = Math.floor(left / 2);
      right = Math.floor(right / 2);
    }
    return most;
  }
}

/** The first index whose value is ≥ `bound`. */
function lowerBound(sorted: Float64Array, bound: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(sorted, middle) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first index whose value is > `bound`. */
function upperBound(sorted: Float64Array, bound: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(sorted, middle) <= bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bySku<T extends { readonly sku: string }>(entries: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of entries) {
    const group = groups.get(entry.sku);
    if (group === undefined) groups.set(entry.sku, [entry]);
    else group.push(entry);
  }
  return groups;
}

function totalOf(totals: Totals, sku: string): number {
  const total = totals.get(sku);
  if (total === undefined) throw new Error(`the history names ${sku}, whose total is not known`);
  return total;
}

function at(values: Float64Array, index: number): number {
  const value = values[index];
  if (value === undefined) throw new Error(`index ${index} of ${values.length}`);
  return value;
}

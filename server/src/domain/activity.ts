// How a sale went, put together from sums in steps of a second, a minute and an hour: which of them to read for a stretch
// of time, and what series and funnel they make. Pure.

/** Lengths of the steps that are kept, in seconds. */
export const GRAINS = [1, 60, 3_600] as const;
export type Grain = (typeof GRAINS)[number];

/** Steps below an hour are kept this long; whole hours as long as the journal. */
export const FINE_KEPT_SECONDS = 90 * 86_400;

const MINUTE = 60;
const HOUR = 3_600;

/** Steps that read well, for a series that nobody chose one for. */
const USUAL_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
];

/** Seconds from `fromS` to before `toS`, to be read in steps of `grain`. */
export interface Stretch {
  readonly grain: Grain;
  readonly fromS: number;
  readonly toS: number;
}

/** Of one kind within one step: how often it happened, and of how many units. */
export interface Cell {
  readonly atS: number;
  readonly kind: string;
  readonly count: number;
  readonly units: number;
}

/** The refusals among the kinds; what follows is the problem code. */
export const REFUSED = 'refused:';

export interface Counts {
  readonly attempts: number;
  readonly replayed: number;
  readonly reserved: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly confirmed: number;
  readonly expired: number;
  readonly released: number;
  readonly lost: number;
}

export interface Units {
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
}

export interface Point extends Counts {
  readonly atS: number;
  /** At the end of the step. */
  readonly units: Units;
}

export interface Course {
  readonly series: readonly Point[];
  readonly funnel: Counts & { readonly live: number };
}

/** The step as kept: whole minutes above one, whole hours above one. */
export function wholeStep(seconds: number): number {
  const grain = seconds > HOUR ? HOUR : seconds > MINUTE ? MINUTE : 1;
  return Math.ceil(seconds / grain) * grain;
}

/** The shortest usual step with at most so many points. */
export function usualStep(seconds: number, pointsMax: number): number {
  return USUAL_STEPS.find((step) => seconds / step <= pointsMax - 1) ?? 86_400;
}

/** The longest kept step that `step` is made of. */
export function grainOf(step: number): Grain {
  return step % HOUR === 0 ? HOUR : step % MINUTE === 0 ? MINUTE : 1;
}

/** The fewest kept steps that make up a stretch: seconds and minutes at its ends, hours between. */
export function stretches(fromS: number, toS: number): Stretch[] {
  const found: Stretch[] = [];
  const add = (grain: Grain, from: number, to: number) => {
    if (to > from) found.push({ grain, fromS: from, toS: to });
  };
  const inMinutes = within(fromS, toS, MINUTE);
  if (inMinutes === null) {
    add(1, fromS, toS);
    return found;
  }
  add(1, fromS, inMinutes.from);
  const inHours = within(inMinutes.from, inMinutes.to, HOUR);
  if (inHours === null) {
    add(MINUTE, inMinutes.from, inMinutes.to);
  } else {
    add(MINUTE, inMinutes.from, inHours.from);
    add(HOUR, inHours.from, inHours.to);
    add(MINUTE, inHours.to, inMinutes.to);
  }
  add(1, inMinutes.to, toS);
  return found;
}

/** The whole steps inside; null if there is none. */
function within(fromS: number, toS: number, step: number): { from: number; to: number } | null {
  const from = Math.ceil(fromS / step) * step;
  const to = Math.floor(toS / step) * step;
  return from < to ? { from, to } : null;
}

interface Tally {
  readonly counts: Map<string, number>;
  readonly units: Map<string, number>;
}

/**
 * Series and funnel over `fromS` … `toS`, both on a step. `before` are cells of the time before, `during` of the time
 * itself, in whatever steps; several of one step and kind add up.
 */
export function courseOf(
  fromS: number,
  toS: number,
  step: number,
  before: readonly Cell[],
  during: readonly Cell[],
): Course {
  const steps = Array.from({ length: Math.round((toS - fromS) / step) }, emptyTally);
  const whole = emptyTally();
  const level = emptyTally();
  for (const cell of before) add(level, cell);
  for (const cell of during) {
    const tally = steps[Math.floor((cell.atS - fromS) / step)];
    if (tally === undefined) continue;
    add(tally, cell);
    add(whole, cell);
  }
  const series = steps.map((tally, i) => {
    for (const [kind, units] of tally.units) level.units.set(kind, (level.units.get(kind) ?? 0) + units);
    return { atS: fromS + i * step, ...countsOf(tally), units: unitsOf(level) };
  });
  for (const [kind, count] of whole.counts) level.counts.set(kind, (level.counts.get(kind) ?? 0) + count);
  return { series, funnel: { ...countsOf(whole), live: liveOf(level.counts) } };
}

function emptyTally(): Tally {
  return { counts: new Map(), units: new Map() };
}

function add({ counts, units }: Tally, cell: Cell): void {
  counts.set(cell.kind, (counts.get(cell.kind) ?? 0) + cell.count);
  units.set(cell.kind, (units.get(cell.kind) ?? 0) + cell.units);
}

function countsOf({ counts }: Tally): Counts {
  const of = (kind: string) => counts.get(kind) ?? 0;
  const refusals = [...counts].filter(([kind]) => kind.startsWith(REFUSED)).sort();
  const refused = Object.fromEntries(refusals.map(([kind, count]) => [kind.slice(REFUSED.length), count]));
  const refusedInAll = refusals.reduce((sum, [, count]) => sum + count, 0);
  return {
    attempts: of('reserved') + of('replayed') + refusedInAll,
    replayed: of('replayed'),
    reserved: of('reserved'),
    refused,
    confirmed: of('confirmed'),
    expired: of('expired'),
    released: of('released'),
    lost: of('lost'),
  };
}

/**
 * What was begun and not ended. Two clocks write the journal, and after a loss a reservation may have ended twice (given
 * back by the store, sold by the ledger): below zero is nothing that anybody should see.
 */
function liveOf(sums: ReadonlyMap<string, number>): number {
  const of = (kind: string) => sums.get(kind) ?? 0;
  return Math.max(0, of('reserved') - of('confirmed') - of('expired') - of('released') - of('lost'));
}

function unitsOf({ units }: Tally): Units {
  const sold = units.get('confirmed') ?? 0;
  const reserved = liveOf(units);
  return { available: (units.get('stock') ?? 0) - reserved - sold, reserved, sold };
}

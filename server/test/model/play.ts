// Plays a sequence on two sides at the same moments and compares every reply, and then everything that stands.
import { difference } from '../conformance/difference.ts';
import type { Clocks } from './reference-rebuild.ts';
import type { Sequence, Step, Target } from './steps.ts';
import { type Side, seen, type Visible } from './view.ts';
import { START_MS, whoseIs } from './world.ts';

/** The clocks of both stores: whoever plays moves them, forwards and back. */
export class TwoClocks implements Clocks {
  nowMs = START_MS;
  skewMs = 0;
  readonly store = (): number => this.nowMs;
  readonly ledger = (): number => this.nowMs + this.skewMs;
}

export interface Moment {
  readonly step: Step;
  readonly reply: unknown;
  /** Null where nobody looked. */
  readonly state: Visible | null;
}

/** @throws with the step and both sides, at the first difference. */
export async function compare(
  real: Side & { tick(): Promise<void> },
  reference: Side,
  clocks: TwoClocks,
  { steps }: Sequence,
  watch: (moment: Moment) => void,
): Promise<void> {
  const views = new Views();
  let state = await views.same('before the first step', [real.look(), reference.look()]);
  for (const [index, asked] of steps.entries()) {
    const step = aimed(asked, state);
    const where = `step ${index}, ${JSON.stringify(step)}`;
    moveClocks(clocks, step, state);
    await real.tick();
    const reply = await same(`${where}: the replies differ at reply`, [
      seen(real.perform(step)),
      seen(reference.perform(step)),
    ]);
    const looked = !('looked' in step) || step.looked || index === steps.length - 1;
    if (looked) state = await views.same(where, [real.look(), reference.look()]);
    watch({ step, reply, state: looked ? state : null });
  }
}

/** Plays it on one side and compares nothing. */
export async function play(
  side: Side,
  clocks: TwoClocks,
  { steps }: Sequence,
  watch: (moment: Moment) => void,
): Promise<void> {
  let state = await side.look();
  for (const asked of steps) {
    const step = aimed(asked, state);
    moveClocks(clocks, step, state);
    const reply = await seen(side.perform(step));
    const looked = !('looked' in step) || step.looked;
    if (looked) state = await side.look();
    watch({ step, reply, state: looked ? state : null });
  }
}

/** The ledgers are compared again only where one of them was: each side shows the same object as long as nothing was written. */
class Views {
  private before: readonly [Visible['ledger'] | null, Visible['ledger'] | null] = [null, null];

  async same(where: string, looking: [Promise<Visible>, Promise<Visible>]): Promise<Visible> {
    const [ours, theirs] = await Promise.all(looking);
    const asBefore = ours.ledger === this.before[0] && theirs.ledger === this.before[1];
    this.before = [ours.ledger, theirs.ledger];
    const found =
      difference(ours.store, theirs.store, '.store') ??
      (asBefore ? null : difference(ours.ledger, theirs.ledger, '.ledger'));
    if (found !== null) throw new Error(`${where}: the states differ at state${found} expected`);
    return theirs;
  }
}

async function same<T>(where: string, [ours, theirs]: [Promise<T>, Promise<T>]): Promise<T> {
  const [seenReal, expected] = await Promise.all([ours, theirs]);
  const found = difference(seenReal, expected);
  if (found !== null) throw new Error(`${where}${found} expected`);
  return expected;
}

/** The step with every target that aims pointed at a reservation that lives, or at least is there. */
function aimed(step: Step, { store }: Visible): Step {
  const records = Object.values(store.records);
  const alive = records.filter(({ state }) => state === 'active' || state === 'confirming');
  const ids = (alive.length > 0 ? alive : records).map(({ reservationId }) => reservationId).sort();
  const at = (target: Target): Target => {
    const id = target.pick === null ? undefined : ids[target.pick % ids.length];
    const whose = id === undefined ? undefined : whoseIs(id);
    return whose === undefined ? target : { ...whose, asker: whose.owner, pick: null };
  };
  if ('target' in step) return { ...step, target: at(step.target) };
  return 'targets' in step ? { ...step, targets: step.targets.map(at) } : step;
}

function moveClocks(clocks: TwoClocks, step: Step, { store }: Visible): void {
  if (step.do === 'wait') clocks.nowMs += step.ms;
  if (step.do === 'skew') clocks.skewMs = step.ms;
  if (step.do !== 'wait-for-next') return;
  const times = {
    deadline: Object.values(store.deadlines),
    'pin-end': Object.values(store.pinEnds),
    'pend-end': store.setAside.map((pend) => Number(pend.split(' ')[2])),
  }[step.what];
  if (times.length > 0) clocks.nowMs = Math.min(...times) + step.offsetMs;
}

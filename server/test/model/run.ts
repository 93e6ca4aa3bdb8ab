// Runs sequences in lanes beside each other, and says of a failure what it takes to see it again.
import fc from 'fast-check';
import { seed } from '../harness/seeded-random.ts';
import { Lane } from './lane.ts';
import { compare, type Moment, play, TwoClocks } from './play.ts';
import { RealSystem } from './real.ts';
import { Reference } from './reference.ts';
import { sequences } from './sequences.ts';
import type { Sequence } from './steps.ts';
import { Tally } from './tally.ts';
import { SALE_NUMBER, World } from './world.ts';

export const MAX_STEPS = 60;
/** While one waits for its stores another is at work. */
const LANES = 3;

const { HOLDFAST_TEST_MODEL_RUNS: runs = '', HOLDFAST_TEST_PATH: path = '' } = process.env;
/** Enough for every commit; `npm run model` for longer. */
export const RUNS = runs === '' ? 510 : Number(runs);
if (!Number.isSafeInteger(RUNS) || RUNS < 1)
  throw new Error('HOLDFAST_TEST_MODEL_RUNS must be a whole number');

/** Plays one sequence on both. @throws at the first difference */
export async function playOnce(
  lane: Lane,
  sequence: Sequence,
  watch: (moment: Moment) => void = () => {},
): Promise<Reference> {
  const world = new World(sequence.setup);
  const clocks = new TwoClocks();
  const real = await RealSystem.begin(lane, world, clocks);
  try {
    const reference = await Reference.begin(world, clocks, real.saleNumber);
    await compare(real, reference, clocks, sequence, watch);
    return reference;
  } finally {
    await real.end();
  }
}

/** Plays one on the reference alone: what must come of it. */
export async function imagine(sequence: Sequence, watch: (moment: Moment) => void): Promise<Reference> {
  const clocks = new TwoClocks();
  const reference = await Reference.begin(new World(sequence.setup), clocks, SALE_NUMBER);
  await play(reference, clocks, sequence, watch);
  return reference;
}

/** @throws with the shrunk sequence, the difference, and how to play it again */
export async function runAll(): Promise<Tally> {
  const tally = new Tally();
  // A path is one lane's: what it led to is played there alone.
  const lanes = path === '' ? LANES : 1;
  const share = Math.ceil(RUNS / lanes);
  const stop = { now: false };
  const failures = await Promise.all(
    Array.from({ length: lanes }, (_, i) => runLane(tally, { seed: seed + i, numRuns: share }, stop)),
  );
  const failed = failures.find((failure) => failure !== null);
  if (failed) throw new Error(failed);
  return tally;
}

async function runLane(
  tally: Tally,
  parameters: { seed: number; numRuns: number },
  stop: { now: boolean },
): Promise<string | null> {
  const lane = await Lane.open();
  try {
    const property = fc.asyncProperty(sequences(MAX_STEPS), async (sequence) => {
      if (stop.now) return;
      const reference = await playOnce(lane, sequence, (moment) => tally.note(moment));
      tally.noteEnd(reference.rebuilds);
    });
    const result = await fc.check(property, { ...parameters, ...(path !== '' && { path }) });
    if (!result.failed) return null;
    stop.now = true;
    const again = `npm run model -- --seed ${result.seed} --path ${result.counterexamplePath}`;
    const shrunk = JSON.stringify(result.counterexample?.[0], null, 1);
    return `${result.errorInstance}\n\nshrunk to: ${shrunk}\n\nplay it again: ${again}`;
  } finally {
    await lane.close();
  }
}

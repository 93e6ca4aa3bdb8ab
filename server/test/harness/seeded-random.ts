// Random choices of the tests: one seed a run, printed with the tests that use it; HOLDFAST_TEST_SEED replays a run.

const given = process.env.HOLDFAST_TEST_SEED;

export const seed = given === undefined || given === '' ? Math.floor(Math.random() * 2 ** 31) : Number(given);
if (!Number.isSafeInteger(seed)) throw new Error('HOLDFAST_TEST_SEED must be a whole number');

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function seededRandom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

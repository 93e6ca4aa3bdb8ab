// One seed for all that is random here. HOLDFAST_TEST_SEED replays a run; otherwise each run draws its own, and
// every test that uses it carries it in its name.
const given = process.env.HOLDFAST_TEST_SEED;
const SEED = given === undefined || given === '' ? Math.floor(Math.random() * 2 ** 31) : Number(given);
if (!Number.isSafeInteger(SEED)) throw new Error('HOLDFAST_TEST_SEED must be a whole number');

/** Parameters for fc.assert, and what to write into the test's name. */
export function announced(numRuns: number): { parameters: { seed: number; numRuns: number }; label: string } {
  return { parameters: { seed: SEED, numRuns }, label: `(HOLDFAST_TEST_SEED=${SEED})` };
}

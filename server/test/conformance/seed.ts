// One seed for all that is random here; every test that uses it carries it in its name.
import { seed } from '../harness/seeded-random.ts';

/** Parameters for fc.assert, and what to write into the test's name. */
export function announced(numRuns: number): { parameters: { seed: number; numRuns: number }; label: string } {
  return { parameters: { seed, numRuns }, label: `(HOLDFAST_TEST_SEED=${seed})` };
}

// What is raced, as it is being typed. Bounds are the service's, and come back to their fields.
import type { RaceBody } from '@holdfast/contract/race';
import { type Drafted, readWhole } from '../sales/sale-draft.ts';

export interface RaceDraft {
  readonly shoppers: string;
  readonly units: string;
  readonly maxPerCustomer: string;
  readonly seed: string;
}

export const USUAL_RACE: RaceDraft = { shoppers: '200', units: '10', maxPerCustomer: '', seed: '' };

export function raceBody(draft: RaceDraft): Drafted<RaceBody> {
  const problems = new Map<string, string>();
  const needed = (pointer: string, text: string) => {
    const value = readWhole(problems, pointer, text);
    if (value === undefined && !problems.has(pointer)) problems.set(pointer, 'is needed');
    return value ?? 0;
  };
  const body: RaceBody = {
    shoppers: needed('/shoppers', draft.shoppers),
    units: needed('/units', draft.units),
  };
  const cap = readWhole(problems, '/max_per_customer', draft.maxPerCustomer);
  const seed = readWhole(problems, '/seed', draft.seed);
  if (cap !== undefined) body.max_per_customer = cap;
  if (seed !== undefined) body.seed = seed;
  return problems.size > 0 ? { problems } : { body };
}

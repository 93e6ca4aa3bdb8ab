// The race lab, for operators: the answer is the race, as it happens.
import { runRace } from '@holdfast/contract/race';
import { type Endpoint, endpoint } from './endpoint.ts';
import { RaceLab, type RaceLabOptions } from './race/race.ts';

export function raceRoutes(options: RaceLabOptions): Endpoint[] {
  const lab = new RaceLab(options);
  return [endpoint(runRace, ({ caller, body, request }) => lab.start(body, caller.sub, request.signal))];
}

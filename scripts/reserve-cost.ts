// What a reservation costs in CPU, by process: `npm run cost`; with `-- --pairs`, a reservation and its confirmation. The
// rate is a floor, because the generator shares the machine; the CPU figures are what to compare.
import { AT_ONCE, LoadedService, REQUESTS, type Round } from './reserve-load.ts';

const ROUNDS = 3;
const confirms = process.argv.includes('--pairs');
const noun = confirms ? 'pair' : 'reservation';

const service = await LoadedService.start();
try {
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await service.round({ confirms }));
  rounds.sort((a, b) => a.perSecond - b.perSecond);
  const median = rounds[ROUNDS >> 1] as Round;
  console.log(
    `${REQUESTS} accepted reservations${confirms ? ', each confirmed' : ''}, ${AT_ONCE} at once, fsync ${process.env.HOLDFAST_REDIS_FSYNC ?? 'always'}`,
  );
  console.log(
    `median of ${ROUNDS} rounds: ${median.perSecond} a second, with generator and stores on this machine`,
  );
  for (const [name, microseconds] of Object.entries(median.cpu)) {
    console.log(`  ${name.padEnd(12)} ${microseconds.toFixed(0).padStart(5)} µs CPU a ${noun}`);
  }
} finally {
  await service.stop();
}

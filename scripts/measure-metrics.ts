// `npm run measure:metrics`: what the metrics cost a reserve in processor time: its count, its time in two histograms, its wait
// for a batch with the two looks at the clock, its part of the batch's size. Medians of several rounds, nothing else beside.
import { measureBatches, measureRequests } from '../server/src/measures.ts';
import { Metrics } from '../server/src/telemetry/metrics.ts';

const ROUNDS = 9;
const REQUESTS = 1_000_000;
const BATCH = 64;
const ROUTE = 'POST /api/v1/inventory/reserve';

const metrics = new Metrics();
const requests = measureRequests(metrics, () => undefined);
const { reserve } = measureBatches(metrics);
const observe = metrics.distribution('holdfast_measured_seconds', 'Nothing.', [0.001, 0.01, 0.1, 1]).of();

/** Nanoseconds of one call. */
function nanoseconds(call: (i: number) => void): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const beganAtMs = performance.now();
    for (let i = 0; i < REQUESTS; i += 1) call(i);
    return ((performance.now() - beganAtMs) / REQUESTS) * 1e6;
  });
  return rounds.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] as number;
}

const request = nanoseconds((i) => {
  const queuedAtMs = performance.now();
  const accepted = i % 2 === 0;
  requests.onReserve(accepted ? 'reserved' : 'insufficient-stock', 0.003);
  requests.onResponse(ROUTE, accepted ? 201 : 409, 0.003);
  reserve.waited((performance.now() - queuedAtMs) / 1000);
  if (i % BATCH === 0) reserve.sent(BATCH);
});
const observation = nanoseconds((i) => observe(i % 2 === 0 ? 0.003 : 0.2));
console.log(`a reserve: ${request.toFixed(0)} ns, of that one observation: ${observation.toFixed(0)} ns`);

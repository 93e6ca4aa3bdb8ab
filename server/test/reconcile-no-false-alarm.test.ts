// While a sale goes on, nothing is found that is not there: 2,000 random operations beside a reconciler that never pauses.
// Not even by a first look, which alone counts for nothing. And a look is cheap: no page holds Redis for long.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { lookThrough } from '../src/reservations/look-at-store.ts';
import type { Customer } from '../src/reservations/reservations.ts';
import { saleKeys } from '../src/stock/keys.ts';
import { SaleLook } from '../src/stock/sale-look.ts';
import { expiry } from '../src/workers/expiry.ts';
import { relayWorker } from '../src/workers/relay-worker.ts';
import { openSale } from './harness/rooms.ts';
import { seed, seededRandom } from './harness/seeded-random.ts';
import { journaled, type ReconcileStage, reconcilerOf, reconcileStage } from './reconcile-stage.ts';

const OPERATIONS = 2_000;
const LANES = 12;
const CUSTOMERS = 60;
const RESERVATIONS = 10_000;
const AT_ONCE = 500;
/** What a page costs is measured and printed; the bound allows for a busy machine. */
const PAGE_MAX_MS = 10;

interface Held {
  readonly customer: Customer;
  readonly id: string;
}

const quiet = { info() {}, warn() {}, error() {} };
let stage: ReconcileStage;
beforeAll(async () => {
  stage = await reconcileStage(({ gate, channels, relay }) => [
    expiry({ gate, channels, log: quiet, onExpired: () => undefined }),
    relayWorker({ gate, channels, relay, isOurTurn: () => true, log: quiet }),
  ]);
}, 60_000);
afterAll(() => stage.close());

test(`no false alarm in ${OPERATIONS} random operations (HOLDFAST_TEST_SEED=${seed})`, async () => {
  const { rooms } = stage;
  const skus = ['load-a', 'load-b', 'load-c'];
  const saleNumber = await openSale(rooms, Object.fromEntries(skus.map((sku) => [sku, 150])), {
    ttlSeconds: 1,
    cap: 8,
  });
  let done = 0;
  const operate = async (number: number, random: () => number, held: Held[]) => {
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
    const dice = random();
    const mine =
      dice < 0.5 || held.length === 0 ? undefined : held.splice(Math.floor(random() * held.length), 1)[0];
    if (!mine) {
      const customer = rooms.customer(`c${Math.floor(random() * CUSTOMERS)}`);
      const lines = [{ sku: pick(skus), quantity: 1 + Math.floor(random() * 2) }];
      if (random() < 0.3) lines.push({ sku: pick(skus), quantity: 1 });
      const idempotencyKey = `k${number}`;
      const answer = await rooms.desk.reserve({
        customer,
        address: '',
        idempotencyKey,
        lines,
        ttlSeconds: null,
      });
      if (answer.ok) held.push({ customer, id: answer.value.view.record.reservationId });
    } else if (dice < 0.7) {
      await rooms.desk.confirm(mine.customer, saleNumber, mine.id, null);
    } else if (dice < 0.85) {
      await rooms.desk.release(mine.customer, saleNumber, mine.id);
    } else if (dice < 0.9) {
      await rooms.desk.extend(mine.customer, saleNumber, mine.id, 1);
      held.push(mine);
    } else if (dice < 0.95) {
      await rooms.sales.changeStock({
        sku: pick(skus),
        delta: random() < 0.5 ? 5 : -3,
        reason: 'a test',
        reference: null,
        expectedTotal: null,
        operator: 'operator',
        idempotencyKey: `s${number}`,
      });
    } // else it is left to expire
    done += 1;
  };
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    const random = seededRandom(seed + lane);
    const held: Held[] = [];
    for (let number = lane; number < OPERATIONS; number += LANES) await operate(number, random, held);
  });
  let over = false;
  const load = Promise.all(lanes).finally(() => {
    over = true;
  });

  const found: unknown[] = [];
  const reconciler = reconcilerOf(rooms, { onRepaired: (what) => found.push(what) });
  let looks = 0;
  let runs = 0;
  const firstLooks = async () => {
    while (!over) {
      const look = new SaleLook(rooms.redis, saleNumber, rooms.channels.of(saleNumber).epoch);
      const pace = () => Bun.sleep(2);
      const { differences } = await lookThrough({
        saleNumber,
        look,
        ledger: rooms.ledger,
        round: looks,
        pace,
      });
      found.push(...differences);
      looks += 1;
    }
  };
  const wholeRuns = async () => {
    while (!over) {
      const answer = await reconciler.reconcile(null, null);
      if (answer.ok) found.push(...answer.value.sales.flatMap(({ differences }) => differences));
      await reconciler.lookAt(saleNumber, true);
      runs += 1;
    }
  };
  await Promise.all([load, firstLooks(), wholeRuns()]);
  console.log(`${done} operations, ${looks} looks and ${runs} runs beside them`);
  expect(found).toEqual([]);
  expect(done).toBe(OPERATIONS);
  expect(looks).toBeGreaterThan(5);
  expect(reconciler.violations()).toEqual(new Map());
}, 60_000);

test(`${RESERVATIONS.toLocaleString('en-US')} live reservations are looked through in small pages`, async () => {
  const { rooms } = stage;
  const saleNumber = await openSale(rooms, { many: 1_000_000 }, { ttlSeconds: 900 });
  await rooms.reserveOne(rooms.customer('many-0'), 'many', 'key'); // the item is known from here on
  for (let from = 0; from < RESERVATIONS; from += AT_ONCE) {
    const numbers = Array.from({ length: AT_ONCE }, (_, index) => from + index);
    await Promise.all(numbers.map((n) => rooms.reserveOne(rooms.customer(`many-${n}`), 'many', 'key')));
  }
  await journaled(rooms, saleNumber);
  const look = new SaleLook(rooms.redis, saleNumber, rooms.channels.of(saleNumber).epoch);
  await rooms.redis.call('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
  await rooms.redis.call('CONFIG', 'SET', 'slowlog-max-len', '4096');
  await rooms.redis.call('SLOWLOG', 'RESET');
  const beganAtMs = performance.now();
  let pages = 0;
  const pace = async () => {
    pages += 1;
    await Bun.sleep(1);
  };
  const findings = await lookThrough({ saleNumber, look, ledger: rooms.ledger, round: 0, pace });
  const tookMs = performance.now() - beganAtMs;
  const log = (await rooms.redis.call('SLOWLOG', 'GET', '4096')) as [number, number, number, string[]][];
  const own = saleKeys(saleNumber)[0] as string;
  const pagesMs = log
    .filter(([, , , command]) => command[1]?.startsWith('hf_look') && command[3] === own)
    .map(([, , us]) => us / 1000);
  const sumMs = pagesMs.reduce((sum, ms) => sum + ms, 0);
  console.log(
    `looked through ${RESERVATIONS} in ${tookMs.toFixed(0)} ms: ${pagesMs.length} calls of Redis, ${sumMs.toFixed(1)} ms in all, ` +
      `${(sumMs / pagesMs.length).toFixed(2)} ms each, the longest ${Math.max(...pagesMs).toFixed(2)} ms`,
  );
  expect(findings).toMatchObject({
    differences: [],
    records: RESERVATIONS,
    customers: RESERVATIONS,
    indexEntries: RESERVATIONS,
  });
  expect(pages).toBeGreaterThan(100);
  expect(sumMs / pagesMs.length).toBeLessThan(PAGE_MAX_MS);
}, 60_000);

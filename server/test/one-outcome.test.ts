// P2: a reservation resolves once. Confirm, release and expiry are thrown at the same reservation at the same moment;
// what the customer was told, what the store shows and what the ledger holds must be one outcome. many-races.test.ts is the
// same at length, with more hands.
import { describe, expect, test } from 'bun:test';
import { Ledger } from '../src/ledger/ledger.ts';
import { patiently } from './harness/ask.ts';
import { oneWinner, type Winner } from './harness/one-winner.ts';
import { seed, seededRandom } from './harness/seeded-random.ts';
import { Caller, makeSale } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

const stage = sharedService({ workers: 2 });
const RACES = 1_000;
const random = seededRandom(seed);
const AT_ONCE = 100;

/** Runs `race` RACES times, AT_ONCE at a time, each on a reservation of its own of one unit; returns how many were sold. */
async function races(
  name: string,
  ttlSeconds: number,
  race: (shopper: Caller, id: string, deadlineMs: number) => Promise<Winner>,
): Promise<void> {
  const { sku } = await makeSale(stage.url, { unit: RACES }, { ttlSeconds });
  let sold = 0;
  for (let from = 0; from < RACES; from += AT_ONCE) {
    const outcomes = await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, i) => {
        const shopper = new Caller(stage.url, `${name}-${from + i}`);
        // A hundred at once may be more than a busy machine answers in time; they are told to come again.
        const held = await patiently(() => shopper.reserve({ [sku('unit')]: 1 }, 'race-key'));
        expect(held.status).toBe(201);
        return await race(shopper, held.body.reservation_id, Date.parse(held.body.expires_at));
      }),
    );
    sold += outcomes.filter((outcome) => outcome === 'confirmed').length;
  }
  const reader = new Caller(stage.url, 'reader');
  const item = await until('nothing is reserved any more', async () => {
    const reply = await reader.get(`/api/v1/inventory/${sku('unit')}`);
    return reply.body.reserved === 0 && reply;
  });
  expect(item.body).toMatchObject({ sold, available: RACES - sold, total: RACES });
  expect(sold).toBeGreaterThan(0);
  expect(sold).toBeLessThan(RACES);
}

describe(`a reservation resolves once (HOLDFAST_TEST_SEED=${seed})`, () => {
  test('confirm-races-release', async () => {
    await races('cr', 300, async (shopper, id) => {
      const inOrder = random() < 0.5;
      const first = inOrder ? shopper.confirm(id) : shopper.release(id);
      const second = inOrder ? shopper.release(id) : shopper.confirm(id);
      const [one, two] = await Promise.all([first, second]);
      const [confirm, release] = inOrder ? [one, two] : [two, one];
      return await oneWinner(shopper, id, { confirms: [confirm], releases: [release], reads: [] });
    });
  }, 60_000);

  test('confirm-races-expiry-and-release', async () => {
    await races('ce', 1, async (shopper, id, deadlineMs) => {
      // Sent within a few milliseconds around the deadline.
      await Bun.sleep(Math.max(0, deadlineMs - Date.now() - 6 + random() * 8));
      const withRelease = random() < 0.5;
      const [confirm, other] = await Promise.all([
        shopper.confirm(id),
        withRelease ? shopper.release(id) : shopper.get(`/api/v1/reservations/${id}`),
      ]);
      const [releases, reads] = withRelease ? [[other], []] : [[], [other]];
      return await oneWinner(shopper, id, { confirms: [confirm], releases, reads });
    });
  }, 60_000);

  test('ledger-agrees', async () => {
    const ledger = new Ledger({ databaseUrl: stage.database.url });
    try {
      for (const { saleNumber } of await ledger.lineages())
        expect(await ledger.verifySale(saleNumber)).toEqual([]);
    } finally {
      await ledger.close();
    }
  });
});

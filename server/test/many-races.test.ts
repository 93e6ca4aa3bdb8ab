// P2 at length: 10,000 reservations, each raced for by a random mix of confirms, releases and reads around a deadline
// one second away. Each ends once, everybody is told the same, and store, ledger and journal agree on the sums.
// one-outcome.test.ts is the same promise in its two narrowest races.
import { expect, test } from 'bun:test';
import { SQL } from 'bun';
import { Ledger } from '../src/ledger/ledger.ts';
import { answered, oneWinner, type RaceAnswers, type Winner } from './harness/one-winner.ts';
import { seed, seededRandom } from './harness/seeded-random.ts';
import { Caller, makeSale, type Reply } from './harness/service.ts';
import { sharedService } from './harness/shared-service.ts';
import { until } from './harness/until.ts';

const RACES = 10_000;
/** Races under way at once: each lives for about a second, most of it waiting. */
const AT_ONCE = 500;
const TTL_SECONDS = 1;
/** A race's moves begin this far around its deadline, or around its beginning. */
const BEFORE_MS = 25;
const AFTER_MS = 10;
const LIMIT_MS = 120_000;

const stage = sharedService({ workers: 2 });

type Verb = 'confirm' | 'release' | 'read';
interface Move {
  readonly verb: Verb;
  /** From the race's centre. */
  readonly offsetMs: number;
}
interface Plan {
  /** Around the deadline, where expiry joins in, or as soon as the reservation is there. */
  readonly around: 'deadline' | 'beginning';
  readonly moves: readonly Move[];
}

/** Two to five moves; seldom in step, sometimes in the same instant. */
function drawPlan(random: () => number): Plan {
  const around = random() < 0.7 ? 'deadline' : 'beginning';
  const together = random() < 0.3;
  const draw = (): number =>
    (random() * (BEFORE_MS + AFTER_MS) - BEFORE_MS) * (around === 'deadline' ? 1 : 0.2);
  const shared = draw();
  const moves = Array.from({ length: 2 + Math.floor(random() * 4) }, (): Move => {
    const dice = random();
    return {
      verb: dice < 0.45 ? 'confirm' : dice < 0.8 ? 'release' : 'read',
      offsetMs: together ? shared : draw(),
    };
  });
  return { around, moves };
}

async function race(plan: Plan, shopper: Caller, sku: string): Promise<{ id: string; winner: Winner }> {
  const held = await answered(() => shopper.reserve({ [sku]: 1 }, 'race-key'));
  expect(held.status).toBe(201);
  const id = held.body.reservation_id;
  const deadlineMs = Date.parse(held.body.expires_at);
  const centreMs = plan.around === 'deadline' ? deadlineMs : Date.now() + 5;
  const answers = { confirm: [], release: [], read: [] } as Record<Verb, Reply[]>;
  await Promise.all(
    plan.moves.map(async ({ verb, offsetMs }) => {
      await Bun.sleep(Math.max(0, centreMs + offsetMs - Date.now()));
      answers[verb].push(await act(shopper, verb, id));
    }),
  );
  // A reservation that nobody ended does so by itself, at its deadline.
  if (plan.moves.every(({ verb }) => verb === 'read')) await Bun.sleep(Math.max(0, deadlineMs - Date.now()));
  const told: RaceAnswers = { confirms: answers.confirm, releases: answers.release, reads: answers.read };
  return { id, winner: await oneWinner(shopper, id, told) };
}

function act(shopper: Caller, verb: Verb, id: string): Promise<Reply> {
  return answered(() => {
    if (verb === 'confirm') return shopper.confirm(id);
    return verb === 'release' ? shopper.release(id) : shopper.get(`/api/v1/reservations/${id}`);
  });
}

test(
  `${RACES} races of confirm, release and expiry have one winner each (HOLDFAST_TEST_SEED=${seed})`,
  async () => {
    const random = seededRandom(seed);
    const plans = Array.from({ length: RACES }, () => drawPlan(random));
    const { id: saleId, sku } = await makeSale(stage.url, { unit: RACES }, { ttlSeconds: TTL_SECONDS });
    const won: Record<Winner, number> = { confirmed: 0, released: 0, expired: 0 };
    let next = 0;
    const raceOn = async () => {
      for (let n = next++; n < RACES; n = next++) {
        const { winner } = await race(plans[n] as Plan, new Caller(stage.url, `racer-${n}`), sku('unit'));
        won[winner] += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, raceOn));
    const moves = plans.reduce((sum, plan) => sum + plan.moves.length, 0);
    console.log(
      `${RACES} races, ${moves} moves, seed ${seed}: ${won.confirmed} confirmed, ${won.released} released, ${won.expired} expired`,
    );
    expect(won.confirmed + won.released + won.expired).toBe(RACES);
    for (const count of Object.values(won)) expect(count).toBeGreaterThan(RACES / 100);

    // The store counts what the customers were told.
    const item = await new Caller(stage.url, 'reader').get(`/api/v1/inventory/${sku('unit')}`);
    expect(item.body).toMatchObject({ sold: won.confirmed, reserved: 0, available: RACES - won.confirmed });
    // So do the ledger and the journal, where each reservation has one end.
    const ends = { reserved: RACES, ...won };
    await until('the journal has every transition', async () => {
      const counts = await journaled(saleId);
      expect(counts.twice).toBe(0);
      return Object.entries(ends).every(([kind, count]) => (counts[kind] ?? 0) >= count) && counts;
    });
    expect(await journaled(saleId)).toMatchObject({ ...ends, twice: 0, orders: won.confirmed });
    await expectLedgerInOrder();
  },
  LIMIT_MS,
);

/** Rows of the journal by kind; `twice`: reservations with more than one end; `orders`: rows of that table. */
async function journaled(saleId: string): Promise<Record<string, number>> {
  const sql = new SQL(stage.database.url, { max: 1 });
  try {
    const rows: { kind: string; count: number }[] = await sql`
      WITH entry AS (
        SELECT journal.* FROM holdfast.journal JOIN holdfast.sale ON sale.number = journal.sale WHERE sale.id = ${saleId}
      ), ended AS (
        SELECT reservation_id FROM entry WHERE kind IN ('confirmed', 'released', 'expired')
        GROUP BY reservation_id, created_seq HAVING count(*) > 1
      )
      SELECT kind, count(*)::int AS count FROM entry GROUP BY kind
      UNION ALL SELECT 'twice', count(*)::int FROM ended
      UNION ALL SELECT 'orders', count(*)::int
        FROM holdfast.orders JOIN holdfast.sale ON sale.number = orders.sale WHERE sale.id = ${saleId}`;
    return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
  } finally {
    await sql.close();
  }
}

async function expectLedgerInOrder(): Promise<void> {
  const ledger = new Ledger({ databaseUrl: stage.database.url });
  try {
    for (const { saleNumber } of await ledger.lineages())
      expect(await ledger.verifySale(saleNumber)).toEqual([]);
  } finally {
    await ledger.close();
  }
}

// Scenario 13: of three API processes on the same stores one has the right time, one is ten minutes ahead, one ten minutes
// behind. Deadlines, expiries and opening times are Redis's, and the same for all.
import path from 'node:path';
import { seededRandom } from '../../harness/seeded-random.ts';
import { token } from '../../harness/service.ts';
import type { Act } from '../act.ts';
import { confirmText, releaseText, reserveText } from '../crowd.ts';
import type { Visit } from '../diary.ts';
import type { Scenario } from '../scenario.ts';
import { openSale, type Sale } from '../stage.ts';
import { type Answer, requestText, Wire } from '../wire.ts';

const SHIFT_SECONDS = 600;
/** Of each service; the operator goes to the last one. */
const SHIFTS = [-SHIFT_SECONDS, SHIFT_SECONDS, 0] as const;
const RIGHT = SHIFTS.indexOf(0);
const PRELOAD = path.join(import.meta.dir, '../shift-clock.ts');
const WANDERERS = 12;
/** Milliseconds are cut off on the way. */
const ROUNDING_MS = 2;
/** A look that was sent this long before the deadline, or after it, is not a matter of luck. */
const MARGIN_MS = 100;
const OPENS_IN_MS = 6_000;

export const wrongClocks: Scenario = {
  number: 13,
  title: 'API clocks ± 10 minutes',
  about:
    'Three services on the same stores: one with the right clock, one ten minutes ahead, one ten minutes behind (their `Date` is shifted before anything else is loaded). 120 client loops use the first two; customers go from any service to any other, with tokens that are right for each clock. Every acknowledged deadline must be the moment of the reserve plus the TTL by the right clock, every service must name the same one, show the reservation active until then and expired from then on; a sale opens for all at its time.',
  inShort: false,
  play: async (company) => {
    const stage = await company.stage({
      services: SHIFTS.length,
      env: (service) => ({
        BUN_OPTIONS: `--preload=${PRELOAD}`,
        HOLDFAST_TEST_CLOCK_SHIFT_MS: String((SHIFTS[service] ?? 0) * 1_000),
      }),
    });
    await company.act('ten minutes ahead and behind', stage, async (act) => {
      const opening = await openSale(stage, { ttlSeconds: 10, others: 0, opensInMs: OPENS_IN_MS });
      act.load({ places: () => stage.places.slice(1), thinkMs: 20 });
      const endMs = performance.now() + company.scale(30, 8) * 1_000;
      const seen = { deadlines: 0, looks: 0, furthestMs: 0 };
      const wander = async (n: number) => {
        const random = seededRandom(act.seed * 8191 + 0x70000 + n);
        const wire = new Wire(4_000);
        for (let visit = 0; performance.now() < endMs; visit += 1)
          await goRound(act, wire, `wanderer-${n}-${visit}`, random, seen);
        wire.close();
      };
      await Promise.all([
        opensOnTime(act, opening),
        ...Array.from({ length: WANDERERS }, (_, n) => wander(n)),
      ]);
      act.expect(seen.looks > 0, 'nobody looked at a deadline');
      act.note(
        `${seen.deadlines.toLocaleString('en')} acknowledged deadlines, each at most ${seen.furthestMs.toFixed(1)} ms outside the time between request and answer plus the TTL, the same at every service; ${seen.looks.toLocaleString('en')} looks around deadlines, at all three.`,
      );
    });
  },
};

interface Seen {
  deadlines: number;
  looks: number;
  furthestMs: number;
}

/** Reserves at one service, looks at another, ends it at a third, or sees it expire at all. */
async function goRound(act: Act, wire: Wire, name: string, random: () => number, seen: Seen): Promise<void> {
  const { diary, sale } = act;
  const anywhere = () => Math.floor(random() * SHIFTS.length);
  const at = anywhere();
  const visit = diary.begin(name, `${sale.id}-${name}`, [{ sku: act.plentiful, quantity: 1 }]);
  const sentAtMs = performance.now();
  const answer = await ask(act, wire, at, (as) => reserveText(visit, as), name);
  diary.reserved(visit, sentAtMs, answer);
  if (answer?.status !== 201) {
    act.fail(`a reserve at service ${at} was answered ${answer?.status} ${answer?.text}`);
    return;
  }
  const deadlineMs = deadlineIn(answer);
  const early = sentAtMs + sale.ttlMs - deadlineMs;
  const late = deadlineMs - (answer.atMs + sale.ttlMs);
  seen.deadlines += 1;
  seen.furthestMs = Math.max(seen.furthestMs, early, late);
  if (early > ROUNDING_MS || late > ROUNDING_MS)
    act.fail(`service ${at} acknowledged a deadline that is ${Math.max(early, late).toFixed(0)} ms wrong`);
  await look(act, wire, visit, anywhere(), deadlineMs, seen);

  const end = random();
  const actedAtMs = performance.now();
  if (end < 0.4)
    diary.confirmed(visit, actedAtMs, await ask(act, wire, anywhere(), (as) => confirmText(visit, as), name));
  else if (end < 0.8)
    diary.released(visit, actedAtMs, await ask(act, wire, anywhere(), (as) => releaseText(visit, as), name));
  else {
    await sleepUntil(deadlineMs - 3 * MARGIN_MS);
    for (const service of SHIFTS.keys()) await look(act, wire, visit, service, deadlineMs, seen);
    await sleepUntil(deadlineMs + MARGIN_MS);
    for (const service of SHIFTS.keys()) await look(act, wire, visit, service, deadlineMs, seen);
  }
}

/** As this service shows it, it is active exactly until its deadline. */
async function look(
  act: Act,
  wire: Wire,
  visit: Visit,
  service: number,
  deadlineMs: number,
  seen: Seen,
): Promise<void> {
  const sentAtMs = performance.now();
  const path_ = `/api/v1/reservations/${visit.id}`;
  const answer = await ask(act, wire, service, (as) => requestText('GET', path_, as), visit.customer);
  if (answer?.status !== 200) {
    act.fail(`a reservation was read at service ${service} with ${answer?.status} ${answer?.text}`);
    return;
  }
  seen.looks += 1;
  const { status } = JSON.parse(answer.text) as { status: string };
  if (Math.abs(deadlineIn(answer) - deadlineMs) > 0.5)
    act.fail(`service ${service} names another deadline than was acknowledged`);
  if (status === 'expired' && answer.atMs < deadlineMs)
    act.fail(
      `service ${service} showed it expired ${(deadlineMs - answer.atMs).toFixed(0)} ms before its deadline`,
    );
  if (status === 'active' && sentAtMs > deadlineMs + ROUNDING_MS)
    act.fail(
      `service ${service} showed it active ${(sentAtMs - deadlineMs).toFixed(0)} ms after its deadline`,
    );
}

/** Nobody sells before the opening, by whatever clock, and everybody after it; and every service says so. */
async function opensOnTime(act: Act, sale: Sale): Promise<void> {
  const wire = new Wire(4_000);
  const page = (as: string) => requestText('GET', `/api/v1/sales/${sale.id}`, as);
  const opensAtMs = await ask(act, wire, RIGHT, page, 'early-bird').then(
    (answer) => Date.parse(JSON.parse(answer?.text ?? '').opens_at) - performance.timeOrigin,
  );
  for (const [when, atMs, says, reserves] of [
    ['before', opensAtMs - 20 * MARGIN_MS, 'not_open', 403],
    ['after', opensAtMs + MARGIN_MS, 'open', 201],
  ] as const) {
    await sleepUntil(atMs);
    for (const service of SHIFTS.keys()) {
      const shown = await ask(act, wire, service, page, 'early-bird');
      const { status } = JSON.parse(shown?.text ?? '{}') as { status: string };
      act.expect(status === says, `${when} the opening service ${service} said that the sale is ${status}`);
      const body = JSON.stringify({ sku: sale.hot, quantity: 1 });
      const text = (as: string) =>
        requestText('POST', '/api/v1/inventory/reserve', as, { body, key: `${when}-${service}` });
      const answer = await ask(act, wire, service, text, 'early-bird');
      act.expect(
        answer?.status === reserves,
        `${when} the opening service ${service} answered a reserve with ${answer?.status}`,
      );
    }
  }
  wire.close();
}

/** With a token as that service's clock wants it. */
function ask(
  act: Act,
  wire: Wire,
  service: number,
  text: (as: string) => string,
  customer: string,
): Promise<Answer | undefined> {
  const place = act.stage.places[service];
  if (place === undefined) throw new Error('nobody to ask');
  return wire.ask(place, text(token(customer, undefined, SHIFTS[service])));
}

/** By this process's monotonic clock. */
function deadlineIn(answer: Answer): number {
  const { expires_at } = JSON.parse(answer.text) as { expires_at: string };
  return Date.parse(expires_at) - performance.timeOrigin;
}

async function sleepUntil(atMs: number): Promise<void> {
  await Bun.sleep(Math.max(0, atMs - performance.now()));
}

// The opening of a sale: thousands of customers, each with a connection that was made before, all within a second. Whoever
// is told to come again does, until there is an answer.
import { seededRandom } from '../harness/seeded-random.ts';
import { token } from '../harness/service.ts';
import type { Act } from './act.ts';
import { confirmText, reserveText } from './crowd.ts';
import { codeOf, Numbers } from './diary.ts';
import { type Place, requestText, Wire } from './wire.ts';

const PATIENCE_MS = 10_000;
/** Nobody waits longer for an answer that says more than "come again". */
const GIVE_UP_MS = 30_000;
const HOT_SHARE = 0.8;
/** Some are too early, and told so. */
const EARLY_MS = 200;
const WITHIN_MS = 1_000;
const CONFIRM_SHARE = 0.6;
const SPREAD_MS = 500;

export interface Opening {
  readonly grantedMs: Numbers;
  readonly refusedMs: Numbers;
  readonly early: number;
  readonly askedAgain: number;
  readonly neverAnswered: number;
  /** From the opening to the last final answer. */
  readonly lastMs: number;
}

export async function everybodyComes(act: Act, clients: number, opensAtMs: number): Promise<Opening> {
  const { stage, sale, diary } = act;
  const random = seededRandom(act.seed * 8191 + 0x60000);
  const [grantedMs, refusedMs] = [new Numbers(), new Numbers()];
  let [early, askedAgain, neverAnswered, lastMs] = [0, 0, 0, 0];
  const client = async (n: number) => {
    const wire = new Wire(PATIENCE_MS);
    const place = stage.places[n % stage.places.length] as Place;
    const name = `opening-${n}`;
    const as = token(name);
    const wanted = random() < HOT_SHARE ? sale.hot : act.plentiful;
    const comesAtMs = opensAtMs - EARLY_MS + random() * WITHIN_MS;
    const confirms = random() < CONFIRM_SHARE;
    // The page of the item, over the connection that the reserve will use.
    await wire.ask(place, requestText('GET', `/api/v1/inventory/${sale.hot}`, as));
    await Bun.sleep(Math.max(0, comesAtMs - performance.now()));
    const visit = diary.begin(name, `${sale.id}-${name}`, [{ sku: wanted, quantity: 1 }]);
    for (;;) {
      const sentAtMs = performance.now();
      const answer = await wire.ask(place, reserveText(visit, as));
      diary.reserved(visit, sentAtMs, answer);
      const tooEarly = answer !== undefined && codeOf(answer) === 'sale-not-open';
      if (answer !== undefined && answer.status !== 503 && !tooEarly) {
        (answer.status === 201 ? grantedMs : refusedMs).push(answer.atMs - sentAtMs);
        lastMs = Math.max(lastMs, answer.atMs - opensAtMs);
        break;
      }
      if (performance.now() > opensAtMs + GIVE_UP_MS) {
        neverAnswered += 1;
        break;
      }
      if (tooEarly) early += 1;
      else askedAgain += 1;
      diary.tally.retries += 1;
      const pauseMs = tooEarly ? opensAtMs - performance.now() : (answer?.retryAfterSeconds ?? 0) * 1_000;
      await Bun.sleep(Math.max(0, pauseMs) + random() * SPREAD_MS);
    }
    if (confirms && visit.id !== undefined) {
      const sentAtMs = performance.now();
      diary.confirmed(visit, sentAtMs, await wire.ask(place, confirmText(visit, as)));
    }
    wire.close();
  };
  await Promise.all(Array.from({ length: clients }, (_, n) => client(n)));
  return { grantedMs, refusedMs, early, askedAgain, neverAnswered, lastMs };
}

// Ten thousand live reservations that nobody touches while faults go by: recovery is measured with them in the store, and
// afterwards each is still there, with the deadline that was acknowledged, or was lost inside a window that explains it.
import { token } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { reserveText } from './crowd.ts';
import { Diary } from './diary.ts';
import { overdraftsInWords } from './overdrafts.ts';
import { openSale, type Sale, type Stage } from './stage.ts';
import { doesNotAddUp, viewStore } from './store-view.ts';
import { requestText, Wire } from './wire.ts';

const TTL_SECONDS = 900;
const LOOPS = 64;
const TRIES_MAX = 50;

export interface Stayer {
  readonly customer: string;
  readonly id: string;
  readonly deadlineMs: number;
  readonly acceptedAtMs: number;
}

export interface Stayers {
  readonly sale: Sale;
  /** Of the sale's other item, which probes may take from. */
  readonly probeSku: string;
  readonly all: readonly Stayer[];
  readonly diary: Diary;
}

export async function keepLive(stage: Stage, count: number): Promise<Stayers> {
  const sale = await openSale(stage, {
    ttlSeconds: TTL_SECONDS,
    hotStock: count + 1_000,
    others: 1,
    plenty: 100_000,
  });
  const diary = new Diary();
  const all: Stayer[] = [];
  let begun = 0;
  const loop = async (n: number) => {
    const wire = new Wire(5_000);
    while (begun < count) {
      begun += 1;
      const customer = `stayer-${begun}`;
      const visit = diary.begin(customer, customer, [{ sku: sale.hot, quantity: 1 }]);
      const as = token(customer);
      for (let tries = 0; visit.id === undefined; tries += 1) {
        if (tries === TRIES_MAX) throw new Error('no reservation was granted before the fault');
        const sentAtMs = performance.now();
        const place = stage.places[n % stage.places.length];
        if (place === undefined) throw new Error('nobody to ask');
        diary.reserved(visit, sentAtMs, await wire.ask(place, reserveText(visit, as)));
      }
      const { expires_at } = JSON.parse(visit.acceptedText) as { expires_at: string };
      all.push({
        customer,
        id: visit.id,
        deadlineMs: Date.parse(expires_at),
        acceptedAtMs: visit.acceptedAtMs,
      });
    }
    wire.close();
  };
  await Promise.all(Array.from({ length: LOOPS }, (_, n) => loop(n)));
  const probe = sale.items.find(({ sku }) => sku !== sale.hot);
  return { sale, probeSku: probe?.sku ?? sale.hot, all, diary };
}

/** In words what is not as it was acknowledged. `mayBeLost`: acknowledged inside a window that a fault cut off. */
export async function checkStayers(
  stage: Stage,
  { sale, all }: Stayers,
  mayBeLost: (acceptedAtMs: number) => boolean,
): Promise<{ readonly findings: string[]; readonly live: number; readonly lost: number }> {
  const redis = stage.redisClient();
  const store = await until('the store of the live reservations is read', () =>
    viewStore(redis, sale.number),
  );
  const findings = [...doesNotAddUp(store), ...overdraftsInWords(store)];
  const gone: Stayer[] = [];
  let live = 0;
  for (const stayer of all) {
    const record = store.records.get(stayer.id);
    if (record === undefined) gone.push(stayer);
    else if (record.state === 'active' && record.deadlineMs === stayer.deadlineMs) live += 1;
    else
      findings.push(
        `${stayer.id} is ${record.state} until ${record.deadlineMs}, acknowledged until ${stayer.deadlineMs}`,
      );
  }
  const wire = new Wire(10_000);
  for (const stayer of gone) {
    if (!mayBeLost(stayer.acceptedAtMs)) findings.push(`${stayer.id} is gone and no fault explains it`);
    const place = stage.places[0];
    if (place === undefined) break;
    const path = `/api/v1/reservations/${stayer.id}`;
    const answer = await wire.ask(place, requestText('GET', path, token(stayer.customer)));
    if (answer?.status !== 409 || !answer.text.includes('"reservation-lost"'))
      findings.push(`${stayer.id} is gone and was answered ${answer?.status}`);
  }
  wire.close();
  return { findings: findings.slice(0, 8), live, lost: gone.length };
}

// The judge: after heal and TTL, everything that the customers were told is held against the ledger and against Redis.
// A loss is excused only if it was acknowledged inside a window that the fault itself cut off.
import { possiblyHeld, surelyHeld } from '@holdfast/client/stories';
import { falseSoldOuts, oversells } from '@holdfast/client/sweeps';
import type { Line } from '../../src/domain/reservation.ts';
import { Audit } from '../../src/ledger/audit.ts';
import { token } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { codeOf, type Diary, storyOf, type Visit } from './diary.ts';
import { type LedgerView, type Life, viewLedger } from './ledger-view.ts';
import { overdraftsInWords } from './overdrafts.ts';
import type { Sale, Stage } from './stage.ts';
import { doesNotAddUp, restlessness, type StoreView, viewStore } from './store-view.ts';
import { acknowledgedIn, endedIn, excusedUntil, type Window } from './windows.ts';
import { requestText, Wire } from './wire.ts';

export const INVARIANTS = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10'] as const;
export type Invariant = (typeof INVARIANTS)[number];

export interface Trial {
  readonly stage: Stage;
  readonly sale: Sale;
  readonly diary: Diary;
  /** Acknowledged in one of them, a reservation or a release may be gone. */
  readonly lossWindows: readonly Window[];
  /** While one of them lasts nothing expires: a store or all services are away. */
  readonly outages: readonly Window[];
  /** Epoch → no reserve sent after this moment may have been granted under it, or an older one. */
  readonly epochEnds: readonly { readonly epoch: number; readonly atMs: number }[];
}

export interface Verdict {
  readonly broken: ReadonlyMap<Invariant, readonly string[]>;
  readonly oversoldUnits: number;
  readonly lostOrders: number;
  /** Acknowledged reservations that are gone. */
  readonly losses: number;
  /** Of them, acknowledged inside a window. */
  readonly explained: number;
  /** Asked for at the end, each answered reservation-lost. */
  readonly answeredLost: number;
  /** Acknowledged releases that are gone: the reservation lived on and expired. */
  readonly lostReleases: number;
  readonly orders: number;
  readonly quietAfterMs: number;
  /** Longest that something was live past its deadline, outages aside. */
  readonly latestExpiryMs: number;
}

/** Pins last 30 s, and after a ledger outage the resolver lets clients come first for 30 s more. */
const QUIET_WITHIN_MS = 100_000;
const EXPIRY_LIMIT_MS = 2_000;
const SENTENCES_KEPT = 8;
const LOST_ASKED_MAX = 200_000;
const ASKERS = 32;

class Findings {
  readonly broken = new Map<Invariant, string[]>();
  add(invariant: Invariant, sentence: string): void {
    const known = this.broken.get(invariant) ?? [];
    if (known.length < SENTENCES_KEPT) known.push(sentence);
    else if (known.length === SENTENCES_KEPT) known.push('… and more');
    this.broken.set(invariant, known);
  }
}

export async function judge(trial: Trial): Promise<Verdict> {
  const { stage, sale, diary } = trial;
  const found = new Findings();
  const redis = stage.redisClient();
  const startedMs = performance.now();
  await until(
    'every reservation has ended and the journal has caught up',
    async () => {
      const { live, pinned, stream } = await restlessness(redis, sale.number).catch(() => RESTLESS);
      return live <= 0 && pinned <= 0 && stream === 0;
    },
    QUIET_WITHIN_MS + sale.ttlMs,
  ).catch((error: Error) => found.add('I6', error.message));
  const quietAfterMs = performance.now() - startedMs;

  const store = await viewStore(redis, sale.number);
  const ledger = await stage.ask((sql) => viewLedger(sql, sale.number));
  for (const sentence of diary.breaks) found.add('I7', sentence);
  for (const sentence of [...doesNotAddUp(store), ...overdraftsInWords(store)]) found.add('I5', sentence);
  await auditLedger(stage, sale, found);
  compareStock(sale, store, ledger, found);
  countLives(trial, ledger, found);
  const lost = await findLosses(trial, ledger, store, found);
  const orders = compareOrders(diary, ledger, found);
  const lostReleases = compareEnds(trial, ledger, lost.visits, found);
  const latestExpiryMs = checkExpiries(trial, ledger, found);
  checkEpochs(trial, ledger, found);
  const oversoldUnits = sweep(trial, lost.visits, ledger, found);
  return {
    broken: found.broken,
    oversoldUnits,
    lostOrders: orders.lost,
    orders: orders.found,
    losses: lost.visits.size,
    explained: lost.explained,
    answeredLost: lost.answered,
    lostReleases,
    quietAfterMs,
    latestExpiryMs,
  };
}

const RESTLESS = { live: 1, pinned: 1, stream: 1 };

async function auditLedger(stage: Stage, sale: Sale, found: Findings): Promise<void> {
  const audit = new Audit(stage.postgres.url);
  try {
    const { findings } = await audit.verify([sale.number], []);
    for (const { what, detail, epoch, seq } of findings)
      found.add(/cap of/.test(detail) ? 'I4' : 'I2', `${what} ${epoch ?? ''} ${seq ?? ''}: ${detail}`);
  } finally {
    await audit.close();
  }
}

/** I1 and I8: within bounds, and the same in both stores once nothing is live. */
function compareStock(sale: Sale, store: StoreView, ledger: LedgerView, found: Findings): void {
  for (const { sku, total } of sale.items) {
    const [kept, known] = [store.items.get(sku), ledger.items.get(sku)];
    if (known === undefined || known.sold < 0 || known.sold > known.total)
      found.add('I1', `${sku}: ${known?.sold} sold of ${known?.total}`);
    if (kept?.sold !== known?.sold || kept?.total !== total)
      found.add(
        'I8',
        `${sku}: Redis has ${kept?.sold} sold of ${kept?.total}, the ledger ${known?.sold} of ${known?.total}`,
      );
    if (kept?.reserved !== 0) found.add('I8', `${sku}: ${kept?.reserved} are still reserved`);
  }
  if (store.seq !== ledger.lastSeq)
    found.add('I8', `Redis made ${store.seq} transitions, the journal's last is ${ledger.lastSeq}`);
}

/** I8: each life begins once and ends once. What was sold before the fault cut its beginning off is sold all the same. */
function countLives({ diary, lossWindows }: Trial, { lives }: LedgerView, found: Findings): void {
  const cutOff = new Set(
    diary.visits.filter((visit) => acknowledgedIn(lossWindows, visit)).map((visit) => visit.id),
  );
  for (const [id, each] of lives) {
    for (const life of each) {
      const ends = life.released + life.expired + (life.outcome === null ? 0 : 1);
      const excused = life.reserved === 0 && life.outcome === 'confirmed' && cutOff.has(id);
      if ((life.reserved !== 1 && !excused) || ends !== 1)
        found.add(
          'I8',
          `${id} began ${life.reserved} times and ended ${ends} times: ${JSON.stringify(life)}`,
        );
    }
  }
}

/** Acknowledged and gone: told so meanwhile, or found missing now and asked for. */
async function findLosses(
  trial: Trial,
  ledger: LedgerView,
  store: StoreView,
  found: Findings,
): Promise<{ readonly visits: ReadonlySet<Visit>; readonly explained: number; readonly answered: number }> {
  const lost = new Set<Visit>();
  const toAsk: Visit[] = [];
  for (const visit of trial.diary.visits) {
    if (visit.id === undefined) continue;
    const lives = ledger.lives.get(visit.id) ?? [];
    const told = Math.min(visit.lostAtMs, visit.rebornAtMs, visit.forgottenAtMs) < Number.POSITIVE_INFINITY;
    const gone = !lives.some(hasEnded) && !store.records.has(visit.id);
    if (told || gone) lost.add(visit);
    if (gone && toAsk.length < LOST_ASKED_MAX) toAsk.push(visit);
    if (told && !gone && visit.rebornAtMs === Number.POSITIVE_INFINITY && lives.some(hasEnded))
      found.add('I7', `${visit.id} was said to be lost, and the ledger knows how it ended`);
    if (lives.length > 1 && visit.rebornAtMs === Number.POSITIVE_INFINITY && !told)
      found.add('I7', `${visit.id}: one key made ${lives.length} reservations`);
  }
  const answered = await askForLost(trial, toAsk, found);
  let explained = 0;
  for (const visit of lost) {
    if (acknowledgedIn(trial.lossWindows, visit)) explained += 1;
    else
      found.add(
        'I7',
        `${visit.id}, acknowledged at ${Math.round(visit.acceptedAtMs)}, is gone (told lost ${Math.round(visit.lostAtMs)}, anew ${Math.round(visit.rebornAtMs)}, refused ${Math.round(visit.forgottenAtMs)}) and no fault explains it`,
      );
  }
  return { visits: lost, explained, answered };
}

function hasEnded(life: Life): boolean {
  return life.released + life.expired > 0 || life.outcome !== null;
}

async function askForLost({ stage }: Trial, visits: readonly Visit[], found: Findings): Promise<number> {
  let answered = 0;
  const queue = [...visits];
  const asker = async (n: number) => {
    const wire = new Wire(10_000);
    for (let visit = queue.pop(); visit !== undefined; visit = queue.pop()) {
      const place = stage.places[n % stage.places.length];
      if (place === undefined) break;
      const path = `/api/v1/reservations/${visit.id}`;
      const answer = await wire.ask(place, requestText('GET', path, token(visit.customer)));
      if (answer?.status === 409 && codeOf(answer) === 'reservation-lost') answered += 1;
      else
        found.add('I7', `${visit.id} is gone and was answered ${answer?.status} ${answer && codeOf(answer)}`);
    }
    wire.close();
  };
  await Promise.all(Array.from({ length: ASKERS }, (_, n) => asker(n)));
  return answered;
}

/** I3: every acknowledged order is in the ledger, with the lines that were acknowledged. */
function compareOrders(diary: Diary, ledger: LedgerView, found: Findings): { lost: number; found: number } {
  let lost = 0;
  let known = 0;
  for (const visit of diary.visits) {
    if (visit.orderText === '') continue;
    const told = JSON.parse(visit.orderText) as { order_id: string; items: Line[] };
    const order = ledger.orders.get(told.order_id);
    if (order === undefined) {
      lost += 1;
      found.add('I3', `the acknowledged order ${told.order_id} is not in the ledger`);
    } else if (
      order.reservationId !== visit.id ||
      !sameLines(order.lines, told.items) ||
      !sameLines(order.lines, visit.lines)
    ) {
      found.add('I3', `the order ${told.order_id} has other lines than were acknowledged`);
    } else known += 1;
  }
  return { lost, found: known };
}

function sameLines(a: readonly Line[], b: readonly Line[]): boolean {
  const units = new Map(a.map(({ sku, quantity }) => [sku, quantity]));
  return a.length === b.length && b.every(({ sku, quantity }) => units.get(sku) === quantity);
}

/** I3: what the customer was told of the end is how it ended. */
function compareEnds(
  { diary, lossWindows }: Trial,
  ledger: LedgerView,
  lost: ReadonlySet<Visit>,
  found: Findings,
): number {
  let lostReleases = 0;
  for (const visit of diary.visits) {
    if (visit.id === undefined || lost.has(visit)) continue;
    const [life] = ledger.lives.get(visit.id) ?? [];
    if (visit.releasedAtMs < Number.POSITIVE_INFINITY && life?.released !== 1) {
      if (endedIn(lossWindows, visit.releasedAtMs)) lostReleases += 1;
      else found.add('I3', `${visit.id} was told released and ended otherwise (${JSON.stringify(life)})`);
    }
    if (life?.outcome === 'confirmed' && visit.firstConfirmSentAtMs === Number.POSITIVE_INFINITY)
      found.add('I3', `${visit.id} is confirmed and nobody asked for that`);
  }
  return lostReleases;
}

/** I6: nothing expires before its deadline, nor is active 2 s past it (or past a pin that a confirm gave up) while the service and its stores are there. */
function checkExpiries({ outages }: Trial, { expiries }: LedgerView, found: Findings): number {
  const originMs = performance.timeOrigin;
  let latestMs = 0;
  let latest = '';
  for (const { id, atMs, deadlineMs, pinnedUntilMs } of expiries) {
    if (atMs < deadlineMs) found.add('I6', `expired ${deadlineMs - atMs} ms before its deadline`);
    const dueMs = Math.max(deadlineMs, pinnedUntilMs) - originMs;
    const excusedUntilMs = excusedUntil(dueMs, outages, EXPIRY_LIMIT_MS) + originMs;
    if (atMs - excusedUntilMs <= latestMs) continue;
    latestMs = atMs - excusedUntilMs;
    latest = `${id}, due at ${Math.round(deadlineMs - originMs)}`;
  }
  if (latestMs > EXPIRY_LIMIT_MS)
    found.add('I6', `${latest}, was active ${Math.round(latestMs)} ms longer, outages aside`);
  return latestMs;
}

/** Nothing is granted under an epoch once the store that held it has gone or forgotten. */
function checkEpochs({ diary, epochEnds }: Trial, { lives }: LedgerView, found: Findings): void {
  for (const { epoch, atMs } of epochEnds) {
    for (const visit of diary.visits) {
      if (visit.id === undefined || visit.firstSentAtMs < atMs) continue;
      const granted = lives.get(visit.id)?.[0]?.epoch;
      if (granted !== undefined && granted >= 0 && granted <= epoch)
        found.add('I7', `${visit.id} was granted under epoch ${granted}, which had ended`);
    }
  }
}

/** I9 and I10 over the client history, and I4 as the same sweep by customer. */
function sweep(
  { sale, diary, lossWindows }: Trial,
  lost: ReadonlySet<Visit>,
  ledger: LedgerView,
  found: Findings,
): number {
  const totals = new Map(sale.items.map(({ sku, total }) => [sku, total]));
  const kept = diary.visits.filter((visit) => !lost.has(visit));
  const held = surelyHeld(kept.map((visit) => storyOf(visit)));
  let units = 0;
  for (const { sku, promised, total } of oversells(held, totals)) {
    units += promised - total;
    found.add('I9', `${promised} of ${total} units of ${sku} were promised at one moment`);
  }
  for (const { sold, total } of ledger.items.values()) if (sold > total) units += sold - total;
  const maybe = diary.visits.map((visit) => {
    const told = storyOf(visit, visit.extendedMs);
    // A release that was lost leaves its reservation active until the deadline.
    const story = endedIn(lossWindows, visit.freedAtMs)
      ? { ...told, freedAtMs: Number.POSITIVE_INFINITY }
      : told;
    if (visit.rebornAtMs === Number.POSITIVE_INFINITY || story.accepted === undefined) return story;
    return { ...story, accepted: { ...story.accepted, firstAtMs: visit.rebornAtMs } };
  });
  for (const { sku, quantity, mostTaken, total, sentAtMs } of falseSoldOuts(
    possiblyHeld(maybe),
    [...diary.soldOutClaims()],
    totals,
  ))
    found.add(
      'I10',
      `${quantity} of ${sku} refused at ${Math.round(sentAtMs)} while at most ${mostTaken} of ${total} were taken`,
    );
  const caps = new Map(sale.items.flatMap(({ sku, cap }) => (cap === null ? [] : [[sku, cap] as const])));
  const capTotals = new Map<string, number>();
  const byCustomer = kept.flatMap((visit) =>
    surelyHeld([storyOf(visit)]).flatMap((span) => {
      const cap = caps.get(span.sku);
      if (cap === undefined) return [];
      const name = `${visit.customer} ${span.sku}`;
      capTotals.set(name, cap);
      return [{ ...span, sku: name }];
    }),
  );
  for (const { sku, promised, total } of oversells(byCustomer, capTotals))
    found.add('I4', `customer and item ${sku}: ${promised} above the cap of ${total}`);
  return units;
}

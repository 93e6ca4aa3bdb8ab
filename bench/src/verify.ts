// After every scenario: what the customers were told, what Redis holds and what the ledger holds must be one and the same.
import { type SaleKeyName, saleKey } from '../../server/src/stock/keys.ts';
import { doesNotAddUp, viewStore } from '../../server/test/faults/store-view.ts';
import { operator } from '../../server/test/harness/service.ts';
import { until } from '../../server/test/harness/until.ts';
import { countOf, type Outcome } from './load/order.ts';
import type { Sale, Stage } from './stage.ts';

/** What customers were told of a sale, and of how many requests nobody knows. */
export interface Told {
  readonly reserved: number;
  readonly confirmed: number;
  readonly unknown: number;
}

const QUIET_WITHIN_MS = 120_000;
const LOOKS = 3;
const LOOK_AGAIN_MS = 1_000;
/** A look at so many live ones takes the reconciler seconds, by design; beyond it the sums below have to do. */
const RECONCILED_LIVE_MAX = 4_000;
const RECORDS_READ_MAX = 300_000;
const SENTENCES_SHOWN = 5;
const FOUND = ['a difference was found and repaired', 'an invariant is violated'];
const LATE = 'still active';

export function toldBy(outcome: Outcome): Told {
  return {
    reserved: countOf(outcome, 'reserve', [201]),
    confirmed: countOf(outcome, 'confirm', [200]),
    // Besides those without an answer, a 503 or 504 may say that the outcome is not known.
    unknown:
      outcome.unanswered +
      countOf(outcome, 'reserve', [500, 502, 503, 504]) +
      countOf(outcome, 'confirm', [500, 502, 503, 504]),
  };
}

export function together(all: readonly Told[]): Told {
  const sum = (of: (told: Told) => number) => all.reduce((total, told) => total + of(told), 0);
  return {
    reserved: sum((told) => told.reserved),
    confirmed: sum((told) => told.confirmed),
    unknown: sum((told) => told.unknown),
  };
}

/** Resolves when the journal has everything. @throws when it takes too long */
export async function caughtUp(stage: Stage, sale: Sale): Promise<void> {
  await until(
    `the journal of ${sale.id} has caught up`,
    async () => (await stage.behind(sale)) === 0,
    QUIET_WITHIN_MS,
  );
}

export interface Checked {
  /** How long it took the journal to have everything. */
  readonly caughtUpMs: number;
  /** Confirms that ended in between: the resolver comes to them after half a minute at the earliest. */
  readonly pinned: number;
}

/**
 * Waits until the journal has everything, and compares.
 * @throws BrokenInvariant: such a run has no result
 */
export async function verify(stage: Stage, sale: Sale, told: Told): Promise<Checked> {
  const endedMs = performance.now();
  await caughtUp(stage, sale);
  const caughtUpMs = performance.now() - endedMs;
  for (let look = 1; ; look += 1) {
    const { broken, pinned } = await compare(stage, sale, told);
    if (broken.length === 0) return { caughtUpMs, pinned };
    if (look >= LOOKS) throw new BrokenInvariant(sale, broken);
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}

/** What does not hold, in words. Reservations may expire and confirms be resolved meanwhile: it is for a second look to say. */
async function compare(stage: Stage, sale: Sale, told: Told) {
  const { broken, reserved, sold, live, pinned } = await lookAtStore(stage, sale);
  const ledger = await sums(stage, sale);
  const same = (what: string, known: number, found: number) => {
    if (found < known || found > known + told.unknown)
      broken.push(
        `${what}: customers know of ${known} (and not of ${told.unknown}), the ledger has ${found}`,
      );
  };
  same('reserved', told.reserved, ledger.reserved);
  same('confirmed', told.confirmed, ledger.orders);
  const open = ledger.reserved - ledger.ended - sold;
  if (live !== open) broken.push(`${live} are live in Redis, and by the journal ${open}`);
  if (ledger.sold !== ledger.units || ledger.sold !== ledger.orders)
    broken.push(
      `the items of the ledger have ${ledger.sold} sold, ${ledger.orders} orders have ${ledger.units}`,
    );
  // What the ledger has sold, Redis has sold too, or holds for the confirm that bought it.
  if (sold > ledger.sold || sold + pinned < ledger.sold)
    broken.push(`Redis has ${sold} sold and ${pinned} being confirmed, the ledger ${ledger.sold} sold`);
  if (reserved !== live) broken.push(`${reserved} units are reserved, by ${live} reservations of one each`);
  if (live <= RECONCILED_LIVE_MAX) broken.push(...(await reconcile(stage, sale)));
  broken.push(...foundByItself(stage, sale));
  return { broken, pinned };
}

/** What the service has found and, where it could, made good: a difference all the same. A reservation that expires late is none. */
function foundByItself({ service }: Stage, { number }: Sale): string[] {
  const found: string[] = [];
  for (const line of service.log().split('\n')) {
    if (!FOUND.some((message) => line.includes(message))) continue;
    const { sale, detail } = JSON.parse(line) as { readonly sale: number; readonly detail: string };
    if (sale === number && !detail.startsWith(LATE)) found.push(detail);
  }
  return found;
}

/** Every record of a sale that is not too large to be held here; of others what Redis has counted itself. */
async function lookAtStore({ store }: Stage, { number }: Sale) {
  const key = (name: SaleKeyName) => saleKey(number, name);
  const replies = await store
    .multi()
    .hlen(key('res'))
    .zcard(key('dead'))
    .zcard(key('pinned'))
    .hgetall(key('stock'))
    .exec();
  const [records, dead, held, stock] = (replies ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  }) as [number, number, number, Record<string, string>];
  // Both indexes hold a sentinel each.
  const [due, pinned] = [dead - 1, held - 1];
  const broken: string[] = [];
  let [reserved, sold] = [0, 0];
  for (const [sku, packed] of Object.entries(stock)) {
    if (sku.startsWith('@')) continue;
    const [total = 0, taken = 0, gone = 0] = packed.split(' ').map(Number);
    reserved += taken;
    sold += gone;
    if (taken + gone > total) broken.push(`${sku} is oversold`);
  }
  if (records <= RECORDS_READ_MAX) broken.push(...doesNotAddUp(await viewStore(store, number)));
  return { broken, reserved, sold, live: due + pinned, pinned };
}

export class BrokenInvariant extends Error {
  override readonly name = 'BrokenInvariant';
  constructor(sale: Sale, sentences: readonly string[]) {
    const shown = sentences.slice(0, SENTENCES_SHOWN).join('; ');
    super(
      `${sale.id}: ${shown}${sentences.length > SENTENCES_SHOWN ? `; … ${sentences.length} in all` : ''}`,
    );
  }
}

/** By SQL of its own: not through the code that is on trial. */
async function sums(stage: Stage, { number }: Sale) {
  const [journal] = await stage.sql`
    SELECT count(*) FILTER (WHERE kind = 'reserved') AS reserved,
           count(*) FILTER (WHERE kind IN ('released', 'expired')) AS ended
    FROM holdfast.journal WHERE sale = ${number} AND source = 'r'`;
  const [orders] = await stage.sql`
    SELECT count(DISTINCT order_id) AS orders, coalesce(sum(quantity), 0) AS units
    FROM holdfast.orders JOIN holdfast.order_lines USING (order_id) WHERE sale = ${number}`;
  const [items] = await stage.sql`SELECT sum(sold) AS sold FROM holdfast.item WHERE sale = ${number}`;
  return {
    reserved: Number(journal.reserved),
    ended: Number(journal.ended),
    orders: Number(orders.orders),
    units: Number(orders.units),
    sold: Number(items.sold),
  };
}

interface Report {
  readonly sales: readonly { readonly differences: readonly { readonly detail: string }[] }[];
  readonly next_cursor: string | null;
}

async function reconcile(stage: Stage, sale: Sale): Promise<string[]> {
  const caller = operator(stage.service.url);
  const found: string[] = [];
  let cursor: string | null | undefined;
  do {
    const reply = await caller.post('/api/v1/admin/reconcile', {
      sale_id: sale.id,
      ...(cursor !== undefined && { cursor }),
    });
    if (reply.status !== 200) return [`reconciling was answered ${reply.status}: ${reply.text}`];
    const report = JSON.parse(reply.text) as Report;
    for (const { differences } of report.sales) found.push(...differences.map(({ detail }) => detail));
    cursor = report.next_cursor;
  } while (cursor !== null);
  return found;
}

// The real system as it can be seen: every key of the sale in the store, every row of it in the ledger.
import type { LedgerContract } from '../../src/ledger/contract.ts';
import type { Pool } from '../../src/ledger/pool.ts';
import type { StoreConnection } from '../../src/stock/connect.ts';
import { saleKey } from '../../src/stock/keys.ts';
import { longId, readRecord, readStreamEntry } from '../../src/stock/records.ts';
import type { SaleStock } from '../../src/stock/sale-stock.ts';
import { entryLine, transitionLine } from './reference-view.ts';
import type { VisibleLedger, VisibleStore } from './view.ts';

const ALL = 10_000;
const SENTINEL = '@';

export async function visibleStore(
  redis: StoreConnection,
  store: SaleStock,
  saleNumber: number,
): Promise<VisibleStore> {
  const key = (name: Parameters<typeof saleKey>[1]) => saleKey(saleNumber, name);
  // One write for all: the round trips are what a comparison costs.
  const looking = redis.pipeline();
  for (const name of ['stock', 'res', 'cust'] as const) looking.hgetall(key(name));
  for (const name of ['dead', 'pinned', 'done'] as const) looking.zrange(key(name), '0', '-1', 'WITHSCORES');
  looking.xrange(key('events'), '-', '+');
  const [snapshot, replies] = await Promise.all([store.snapshot(), looking.exec()]);
  const [stock, res, cust, dead, pinned, done, events] = (replies ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  }) as [Fields, Fields, Fields, string[], string[], string[], [string, string[]][]];
  const { [SENTINEL]: _records, ...packed } = res;
  const { [SENTINEL]: _customers, ...held } = cust;
  const resolvedAt = (record: string) => Number(record.split(' ')[8]);
  return {
    // What is set aside stands between the items.
    snapshot: { ...snapshot, items: snapshot.items.filter(({ sku }) => !sku.startsWith(SENTINEL)) },
    records: Object.fromEntries(
      Object.entries(packed).map(([id, record]) => [
        longId(id),
        { ...readRecord(id, record), resolvedAtMs: resolvedAt(record) },
      ]),
    ),
    deadlines: scoresOf(dead),
    pinEnds: scoresOf(pinned),
    resolved: scoresOf(done),
    held: Object.fromEntries(
      Object.entries(held).flatMap(([holder, units]) =>
        holder.includes(' ') ? [[holder, Number(units)]] : [],
      ),
    ),
    expiries: Object.fromEntries(
      Object.entries(held).flatMap(([customer, deadlines]) =>
        customer.includes(' ') ? [] : [[customer, deadlines.split(' ').map(Number)]],
      ),
    ),
    setAside: Object.entries(stock)
      .filter(([field]) => field.startsWith('@pend '))
      .map(([, pend]) => pend)
      .sort(),
    pending: events.flatMap(([id, fields]) => readStreamEntry(id, fields)),
  };
}

type Fields = Record<string, string>;

function scoresOf(flat: readonly string[]): Record<string, number> {
  const times: Record<string, number> = {};
  for (let i = 0; i < flat.length; i += 2)
    if (flat[i] !== SENTINEL) times[longId(flat[i] as string)] = Number(flat[i + 1]);
  return times;
}

type Rows = Omit<VisibleLedger, 'journal'> & { readonly entries: number; readonly transitions: number };

/** The ledger's rows of one sale: all but the journal in one statement, and of the journal what has come since last time. */
export class LedgerView {
  private entries: string[] = [];
  private transitions: string[] = [];

  constructor(
    private readonly pool: Pool,
    private readonly ledger: LedgerContract,
    private readonly saleNumber: number,
  ) {}

  async look(): Promise<VisibleLedger> {
    const { ledger, saleNumber } = this;
    const { entries, transitions, ...rows } = await this.rows();
    // Through the ledger's own reads. Entries are only added; a transition of an older epoch may come between others.
    if (entries !== this.entries.length) {
      const added = await ledger.entriesAfter(saleNumber, this.entries.length, ALL);
      this.entries = [...this.entries, ...added.map(entryLine)];
    }
    if (transitions !== this.transitions.length)
      this.transitions = (await ledger.transitionsAfter(saleNumber, 0, ALL)).map(transitionLine);
    return { ...rows, journal: [...this.entries, ...this.transitions] };
  }

  private async rows(): Promise<Rows> {
    const { saleNumber } = this;
    const [row] = await this.pool.read(
      (sql) => sql<{ seen: Rows }[]>`
        SELECT json_build_object(
          'epoch', sale.epoch,
          'closed', sale.closed_at_ms IS NOT NULL,
          'items', (SELECT json_object_agg(sku, json_build_object('total', total, 'sold', sold))
                    FROM holdfast.item WHERE item.sale = sale.number),
          'bought', (SELECT coalesce(json_object_agg(${name(sql, 'customer')} || ' ' || sku, quantity), '{}')
                     FROM holdfast.customer_item AS bought WHERE bought.sale = sale.number),
          'register', (SELECT coalesce(json_object_agg('rsv_' || ${name(sql, 'reservation_id')} || ' ' || created_seq,
                         format('%s %s %s %s', outcome, entry_seq, at_ms,
                                coalesce('ord_' || ${name(sql, 'order_id')}, '-'))), '{}')
                       FROM holdfast.outcome WHERE outcome.sale = sale.number),
          'orders', (SELECT coalesce(json_object_agg('ord_' || ${name(sql, 'order_id')}, json_build_object(
                       'lines', (SELECT json_agg(json_build_object('sku', sku, 'quantity', quantity, 'price', price_minor)
                                                 ORDER BY sku)
                                 FROM holdfast.order_lines AS line WHERE line.order_id = bought.order_id),
                       'paymentReference', payment_reference, 'confirmedAtMs', confirmed_at_ms)), '{}')
                     FROM holdfast.orders AS bought WHERE bought.sale = sale.number),
          'operations', (SELECT json_build_object('applied', count(*) FILTER (WHERE outcome = 'applied'),
                                                  'refused', count(*) FILTER (WHERE outcome = 'refused'))
                         FROM holdfast.stock_operation AS operation WHERE operation.sale = sale.number),
          'changes', (SELECT coalesce(json_object_agg(${name(sql, 'key')},
                        format('%s %s %s %s %s %s', sku, delta, total_before, total, at_ms, change.entry_seq)), '{}')
                      FROM holdfast.stock_change AS change WHERE change.sale = sale.number),
          'entries', (SELECT count(*) FROM holdfast.journal AS written WHERE written.sale = sale.number AND source = 'l'),
          'transitions', (SELECT count(*) FROM holdfast.journal AS written WHERE written.sale = sale.number AND source = 'r')
        ) AS seen
        FROM holdfast.sale WHERE number = ${saleNumber}::integer`,
    );
    if (row === undefined) throw new Error('the sale is not in the ledger');
    return row.seen;
  }
}

/** A column of raw bytes as the rest of the service writes them. */
function name(sql: Parameters<Parameters<Pool['read']>[0]>[0], column: string) {
  return sql`translate(encode(${sql(column)}, 'base64'), '+/=', '-_')`;
}

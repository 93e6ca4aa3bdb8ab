// What Redis says of a sale, read behind everybody's back in one transaction, and whether it adds up (I5).
import type { Redis } from 'ioredis';
import type { ReservationRecord } from '../../src/domain/reservation.ts';
import { saleKey } from '../../src/stock/keys.ts';
import { longId, readRecord } from '../../src/stock/records.ts';

export interface StoreView {
  readonly items: ReadonlyMap<
    string,
    { readonly total: number; readonly reserved: number; readonly sold: number }
  >;
  readonly records: ReadonlyMap<string, ReservationRecord>;
  readonly deadlines: ReadonlySet<string>;
  readonly pinned: ReadonlySet<string>;
  readonly seq: number;
  readonly applied: number;
}

const SENTINEL = '@';

export async function viewStore(redis: Redis, sale: number): Promise<StoreView> {
  const replies = await redis
    .multi()
    .hgetall(saleKey(sale, 'stock'))
    .hgetall(saleKey(sale, 'res'))
    .zrange(saleKey(sale, 'dead'), '0', '-1')
    .zrange(saleKey(sale, 'pinned'), '0', '-1')
    .exec();
  const [stock, records, dead, pinned] = (replies ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  }) as [Record<string, string>, Record<string, string>, string[], string[]];
  const items = Object.entries(stock)
    .filter(([name]) => !name.startsWith('@'))
    .map(([sku, packed]) => {
      const [total, reserved, sold] = packed.split(' ').map(Number) as [number, number, number];
      return [sku, { total, reserved, sold }] as const;
    });
  return {
    items: new Map(items),
    records: new Map(
      Object.entries(records)
        .filter(([name]) => name !== SENTINEL)
        .map(([name, packed]) => [longId(name), readRecord(name, packed)]),
    ),
    deadlines: new Set(dead.filter((name) => name !== SENTINEL).map(longId)),
    pinned: new Set(pinned.filter((name) => name !== SENTINEL).map(longId)),
    seq: Number(stock['@seq']),
    applied: Number(stock['@applied']),
  };
}

/** I5; in words what does not hold. What is more than there is tells overdrafts.ts. */
export function doesNotAddUp({ items, records, deadlines, pinned }: StoreView): string[] {
  const found: string[] = [];
  const reserved = new Map<string, number>();
  for (const [id, { state, lines }] of records) {
    const live = state === 'active' || state === 'confirming';
    if ((state === 'active') !== deadlines.has(id))
      found.push(`${id} is ${state} and its deadline says otherwise`);
    if ((state === 'confirming') !== pinned.has(id))
      found.push(`${id} is ${state} and its pin says otherwise`);
    if (!live) continue;
    for (const { sku, quantity } of lines) reserved.set(sku, (reserved.get(sku) ?? 0) + quantity);
  }
  for (const id of [...deadlines, ...pinned])
    if (!records.has(id)) found.push(`${id} has a deadline and no record`);
  for (const [sku, item] of items) {
    const live = reserved.get(sku) ?? 0;
    if (item.reserved !== live)
      found.push(`${sku}: ${item.reserved} reserved, live reservations hold ${live}`);
    if (item.sold < 0 || item.reserved < 0 || item.sold > item.total)
      found.push(`${sku}: ${item.reserved} reserved + ${item.sold} sold of ${item.total}`);
  }
  return found;
}

/** How much is still live or on its way to the journal. */
export async function restlessness(
  redis: Redis,
  sale: number,
): Promise<{ readonly live: number; readonly pinned: number; readonly stream: number }> {
  const [dead, pinned, stream] = await Promise.all([
    redis.zcard(saleKey(sale, 'dead')),
    redis.zcard(saleKey(sale, 'pinned')),
    redis.xlen(saleKey(sale, 'events')),
  ]);
  return { live: dead - 1, pinned: pinned - 1, stream };
}

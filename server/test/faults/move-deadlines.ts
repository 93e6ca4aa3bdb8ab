// Moves the deadlines of all active reservations of one item to the same moment, in Redis behind everybody's back: record and
// index together, so that the store adds up as before. The clock cannot be moved: Redis does not run under a false one.
import type { Redis } from 'ioredis';
import { saleKey } from '../../src/stock/keys.ts';

/** KEYS deadlines, records; ARGV deadline, the item's name in a record, reservations … */
const MOVE = `
local moved = 0
for i = 3, #ARGV do
  local record = redis.call('HGET', KEYS[2], ARGV[i])
  local head, tail, lines = string.match(record, '^(A %S+ %d+ %d+ %d+) %d+ (%d+ %d+ %d+ %S+ (%S+))$')
  if head and string.sub(lines, 1, #ARGV[2] + 1) == ARGV[2] .. '*' then
    redis.call('HSET', KEYS[2], ARGV[i], head .. ' ' .. ARGV[1] .. ' ' .. tail)
    redis.call('ZADD', KEYS[1], ARGV[1], ARGV[i])
    moved = moved + 1
  end
end
return moved`;
const SENTINEL = '@';
const CHUNK = 1_000;

/** @returns how many it moved. */
export async function moveDeadlines(
  redis: Redis,
  sale: number,
  sku: string,
  deadlineMs: number,
): Promise<number> {
  const [dead, records] = [saleKey(sale, 'dead'), saleKey(sale, 'res')];
  const ids = (await redis.zrange(dead, '0', '-1')).filter((id) => id !== SENTINEL);
  let moved = 0;
  for (let from = 0; from < ids.length; from += CHUNK) {
    const chunk = ids.slice(from, from + CHUNK);
    moved += Number(await redis.eval(MOVE, 2, dead, records, String(deadlineMs), sku, ...chunk));
  }
  return moved;
}

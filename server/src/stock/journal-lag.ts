// How far the journal is behind a sale: what the store has numbered and not dropped. Read past the library, without a lease,
// because nothing is decided by it; and from the store, not from the writer: when nobody writes, the lag must still show.
import type { Redis } from 'ioredis';
import { saleKey } from './keys.ts';
import { readStreamEntry } from './records.ts';

export interface JournalLag {
  readonly transitions: number;
  /** When the oldest of them happened, by the server's clock; Infinity if there is none. */
  readonly oldestAtMs: number;
}

export async function journalLag(redis: Redis, saleNumber: number): Promise<JournalLag> {
  const [seq, trimmed] = await redis.hmget(saleKey(saleNumber, 'stock'), '@seq', '@trimmed');
  const transitions = Math.max(0, Number(seq) - Number(trimmed));
  if (transitions === 0) return { transitions, oldestAtMs: Number.POSITIVE_INFINITY };
  const [first] = await redis.xrange(saleKey(saleNumber, 'events'), '-', '+', 'COUNT', 1);
  const oldest = first === undefined ? undefined : readStreamEntry(first[0], first[1])[0];
  return { transitions, oldestAtMs: oldest?.atMs ?? Number.POSITIVE_INFINITY };
}

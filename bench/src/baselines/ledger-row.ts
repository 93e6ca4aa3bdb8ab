// What a ledger gives that takes each purchase by itself: one row, one transaction a purchase, 64 clients.
import { SQL } from 'bun';
import type { Stage } from '../stage.ts';

const CLIENTS = 64;

/** @returns transactions a second */
export async function singleRowTransactions(stage: Stage, seconds: number): Promise<number> {
  const sql = new SQL(stage.postgres.url, { max: CLIENTS });
  try {
    await sql`CREATE SCHEMA IF NOT EXISTS bench`;
    await sql`CREATE TABLE IF NOT EXISTS bench.item (sku text PRIMARY KEY, sold integer NOT NULL)`;
    await sql`INSERT INTO bench.item VALUES ('hot', 0) ON CONFLICT DO NOTHING`;
    const sell = () => sql`UPDATE bench.item SET sold = sold + 1 WHERE sku = 'hot' AND sold < 100000000`;
    await Promise.all(Array.from({ length: CLIENTS }, sell)); // all connections are open
    const startedMs = performance.now();
    const endMs = startedMs + seconds * 1_000;
    let done = 0;
    const client = async () => {
      while (performance.now() < endMs) {
        await sell();
        done += 1;
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return done / ((performance.now() - startedMs) / 1_000);
  } finally {
    await sql.close({ timeout: 0 }).catch(() => undefined);
  }
}

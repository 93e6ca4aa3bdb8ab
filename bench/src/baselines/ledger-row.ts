// A program: what a ledger gives that takes each purchase by itself: one row, one transaction a purchase, 64 clients. A process
// of its own, as the service has one: beside the bench it would share that one's heap. Takes the seconds to measure as its
// argument and the database in DATABASE_URL, and prints transactions a second.
import { SQL } from 'bun';

const CLIENTS = 64;
/** Until the client library has been compiled. */
const WARM_SECONDS = 1;
const WITHIN_MS = 10_000;

const seconds = Number(process.argv[2]);
const sql = new SQL(process.env.DATABASE_URL ?? '', {
  max: CLIENTS,
  connection: { statement_timeout: WITHIN_MS },
});
await sql`CREATE SCHEMA IF NOT EXISTS bench`;
await sql`CREATE TABLE IF NOT EXISTS bench.item (sku text PRIMARY KEY, sold integer NOT NULL)`;
await sql`INSERT INTO bench.item VALUES ('hot', 0) ON CONFLICT DO NOTHING`;
await sell(WARM_SECONDS);
console.log(await sell(seconds));
await sql.close({ timeout: 0 }).catch(() => undefined);

async function sell(forSeconds: number): Promise<number> {
  const startedMs = performance.now();
  const endMs = startedMs + forSeconds * 1_000;
  let done = 0;
  const client = async () => {
    while (performance.now() < endMs) {
      await sql`UPDATE bench.item SET sold = sold + 1 WHERE sku = 'hot' AND sold < 100000000`;
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return done / ((performance.now() - startedMs) / 1_000);
}

// A COMMIT is the only confirmation, so a server that does not write commits to disk makes no promise at all.
import type { Pool } from './pool.ts';

const RISKS: Readonly<Record<string, string>> = {
  fsync: 'PostgreSQL runs with fsync off: a power cut can lose confirmed orders',
  full_page_writes: 'PostgreSQL runs with full_page_writes off: a power cut can damage the ledger',
};

/** Settings of the server that could lose a committed order, in words; empty when there are none. */
export async function durabilityRisks(pool: Pool): Promise<string[]> {
  const off = await pool.read(
    (sql) => sql<{ name: string }[]>`
      SELECT name FROM pg_catalog.pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'`,
  );
  return off.flatMap(({ name }) => RISKS[name] ?? []);
}

// Small things that all processes share through the ledger: secrets made once, and turns at work that only one
// process should do. A turn is by the database's clock; it saves work and protects nothing.
import { randomBytes } from 'node:crypto';
import type { Pool } from './pool.ts';

/** `bytes` random bytes, made on first use and the same ever after. */
export async function secret(pool: Pool, name: string, bytes: number): Promise<Uint8Array> {
  const made = randomBytes(bytes);
  await pool.write(
    (sql) => sql`INSERT INTO holdfast.secret (name, value) VALUES (${name}, ${made}) ON CONFLICT DO NOTHING`,
  );
  const [kept] = await pool.read(
    (sql) => sql<{ value: Buffer }[]>`SELECT value FROM holdfast.secret WHERE name = ${name}`,
  );
  if (kept?.value.byteLength !== bytes)
    throw new Error(`the secret ${name} in the ledger does not have ${bytes} bytes`);
  return kept.value;
}

/** Holds or takes the named turn for `ttlMs`; true while it is ours. */
export async function takeTurn(pool: Pool, name: string, holder: string, ttlMs: number): Promise<boolean> {
  const rows = await pool.write(
    (sql) => sql`
      INSERT INTO holdfast.turn AS current (name, holder, until_ms)
      VALUES (${name}, ${holder}, holdfast.now_ms() + ${ttlMs}::bigint)
      ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
      WHERE current.holder = excluded.holder OR current.until_ms <= holdfast.now_ms()
      RETURNING name`,
  );
  return rows.length > 0;
}

export async function giveTurn(pool: Pool, name: string, holder: string): Promise<void> {
  await pool.write((sql) => sql`DELETE FROM holdfast.turn WHERE name = ${name} AND holder = ${holder}`);
}

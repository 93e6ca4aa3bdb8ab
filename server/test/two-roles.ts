// A ledger with two roles, as deploy/postgres makes them: one owns it and migrates, the other is the service's. And what the
// second must not be able to do.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SQL } from 'bun';
import { type FreshDatabase, freshDatabase } from './harness/stores.ts';

export const ROOT = path.join(import.meta.dir, '../..');
export const SERVICE = 'holdfast_service';
export const OWNER = 'holdfast_owner';
const CLI = path.join(ROOT, 'cli/src/main.ts');
const PASSWORD = 'of-the-test';

export interface TwoRoles {
  readonly database: FreshDatabase;
  /** Neither of the two: PostgreSQL's superuser, who looks. */
  readonly admin: SQL;
  close(): Promise<void>;
}

/** Once a test process: roles belong to the server. */
export async function twoRoles(): Promise<TwoRoles> {
  const database = await freshDatabase();
  const admin = new SQL(database.url, { max: 2 });
  const named = new URL(database.url).pathname.slice(1);
  // As psql would read it.
  const script = readFileSync(path.join(ROOT, 'deploy/postgres/service-role.sql'), 'utf8')
    .replace(/^\\getenv.*$/m, '')
    .replace(/:'password'/g, `'${PASSWORD}'`)
    .replace(/DATABASE holdfast/g, `DATABASE ${named}`);
  await admin.unsafe(script);
  await admin.unsafe(
    `CREATE ROLE ${OWNER} LOGIN PASSWORD '${PASSWORD}'; ALTER DATABASE ${named} OWNER TO ${OWNER}`,
  );
  return {
    database,
    admin,
    close: async () => {
      await admin.close();
      await database.drop();
    },
  };
}

/** The database as this role. */
export function asRole(role: string, { url }: FreshDatabase): string {
  const as = new URL(url);
  as.username = role;
  as.password = PASSWORD;
  return as.href;
}

export async function holdfast(args: readonly string[], databaseUrl: string) {
  const child = Bun.spawn([process.execPath, '--no-env-file', CLI, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, DATABASE_URL: databaseUrl },
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

const RULED = [
  'journal',
  'outcome',
  'orders',
  'order_lines',
  'seal',
  'customer_item',
  'epoch_end',
  'customer',
];
/** What the service's role must not be able to do, in SQL. */
export const REFUSED = [
  ...RULED.flatMap((table) => [`DELETE FROM holdfast.${table}`, `TRUNCATE holdfast.${table}`]),
  `UPDATE holdfast.journal SET lines = 'X*1'`,
  `UPDATE holdfast.outcome SET outcome = 'refused'`,
  'UPDATE holdfast.orders SET payment_reference = NULL',
  'UPDATE holdfast.order_lines SET quantity = 1',
  'UPDATE holdfast.seal SET marks = marks',
  'UPDATE holdfast.customer SET sub = sub',
  'UPDATE holdfast.item SET sold = 0',
  'UPDATE holdfast.item SET total = 1000',
  'UPDATE holdfast.sale SET entry_seq = 0',
  'UPDATE holdfast.sale SET closed_at_ms = NULL',
  'UPDATE holdfast.migration SET checksum = checksum',
  'UPDATE holdfast.secret SET value = value',
  'DELETE FROM holdfast.sale',
  'DELETE FROM holdfast.item',
  'DELETE FROM holdfast.activity',
  'INSERT INTO holdfast.journal SELECT * FROM holdfast.journal',
  'INSERT INTO holdfast.outcome SELECT * FROM holdfast.outcome',
  'INSERT INTO holdfast.orders SELECT * FROM holdfast.orders',
  'INSERT INTO holdfast.service_role VALUES (current_user)',
  `SELECT holdfast.forget_customer('ann', 'eve')`,
  `SELECT holdfast.claim_skus(1, ARRAY['x'])`,
  'DROP TABLE holdfast.journal',
  'DROP SCHEMA holdfast CASCADE',
  'DROP FUNCTION holdfast.refuse_rewriting CASCADE',
  'DROP TRIGGER append_only ON holdfast.journal',
  'ALTER TABLE holdfast.journal DISABLE TRIGGER ALL',
  'ALTER TABLE holdfast.item DROP CONSTRAINT never_oversold',
  'ALTER FUNCTION holdfast.confirm_batch SECURITY INVOKER',
  'CREATE TABLE holdfast.more (n integer)',
  'CREATE INDEX ON holdfast.journal (kind)',
  'CREATE TABLE public.more (n integer)',
  'CREATE TEMPORARY TABLE more (n integer)',
  'CREATE SCHEMA more',
  `CREATE FUNCTION holdfast.more() RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
  'CREATE ROLE more',
  `SET ROLE ${OWNER}`,
  'SET session_replication_role = replica',
];

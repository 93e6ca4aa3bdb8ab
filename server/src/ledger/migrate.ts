// Brings the database to the schema this service was built for: plain SQL files, applied once, in the order of
// their names, forward only. Any number of processes may do it at once; one does, the others wait and see. A role that may not
// only looks, and says who has to come.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import postgres from 'postgres';
import type { StoreCertificates } from '../domain/store-trust.ts';
import type { Sql } from './connection.ts';
import { Connection } from './connection.ts';
import { afterSending, beforeSending, FORBIDDEN } from './failures.ts';
import { grantService, grantServiceAgain, unfitForService } from './service-role.ts';

const MIGRATIONS = new URL('../../sql/migrations/', import.meta.url);

/** Key of the advisory lock under which migrations run. */
const MIGRATION_LOCK = [0x486600, 0] as const;
const POSTGRES_MIN = 15;

const CONNECT_TIMEOUT_MS = 10_000;
/** A migration may rewrite a large table; waiting for another process's migration counts as waiting for a lock. */
const STATEMENT_TIMEOUT_MS = 30 * 60_000;
const LOCK_TIMEOUT_MS = 5 * 60_000;

/** The database cannot be used by this version of the service; the message says what to do. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

export interface MigrateOptions {
  readonly certificates?: StoreCertificates;
  /** Granted what the service needs. */
  readonly serviceRole?: string;
  /** Tests bring migrations of their own. */
  readonly more?: readonly Migration[];
}

export interface Migration {
  readonly name: string;
  readonly checksum: string;
  readonly statements: string;
}

/** The migrations that this service was built with, in order. */
export async function knownMigrations(): Promise<Migration[]> {
  const names = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      // Line ends are no change: a checkout may have turned them.
      const statements = (await readFile(new URL(name, MIGRATIONS), 'utf8')).replaceAll('\r\n', '\n');
      return { name, checksum: createHash('sha256').update(statements).digest('hex'), statements };
    }),
  );
}

/**
 * Applies what is missing and names it; then grants `serviceRole` what the service needs (service-role.ts). @throws
 * MigrationRefused if the database is older than PostgreSQL 15, newer than this service, was made by an old migration that has
 * since been changed, or lacks something that this role may not do; LedgerUnavailable
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const { certificates, serviceRole, more = [] } = options;
  const known = [...(await knownMigrations()), ...more];
  const connection = new Connection(
    { url, certificates },
    {
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      lockTimeoutMs: LOCK_TIMEOUT_MS,
      idleInTransactionTimeoutMs: LOCK_TIMEOUT_MS,
    },
  );
  try {
    const sql = await connection.open(CONNECT_TIMEOUT_MS).catch((error: unknown) => {
      throw beforeSending(error);
    });
    try {
      const applied = await migrateUnderLock(sql, known);
      if (serviceRole !== undefined) await grantUnderLock(sql, serviceRole);
      return { applied };
    } catch (error) {
      throw isForbidden(error)
        ? await refusal(sql, 'has not the rights on this ledger that it needs')
        : error;
    }
  } catch (error) {
    throw afterSending(error, 'writes');
  } finally {
    await connection.close();
  }
}

/** @throws MigrationRefused in words unless the database has exactly these migrations. */
export async function requireSchema(sql: Sql, known: readonly Migration[]): Promise<void> {
  const missing = missingMigrations(known, await appliedMigrations(sql));
  if (missing.length > 0) {
    throw new MigrationRefused(
      `the database lacks the migration ${missing[0]?.name}: run \`npx holdfast migrate\` as the owner of the ledger`,
    );
  }
}

async function migrateUnderLock(sql: Sql, known: readonly Migration[]): Promise<string[]> {
  await refuseOldServer(sql);
  // Of the session: it ends with the connection.
  await sql`SELECT pg_advisory_lock(${MIGRATION_LOCK[0]}::integer, ${MIGRATION_LOCK[1]}::integer)`;
  const missing = missingMigrations(known, await appliedMigrations(sql));
  if (missing.length > 0 && !(await mayMigrate(sql))) {
    throw await refusal(sql, `may not apply the migration ${missing[0]?.name}, which this ledger lacks`);
  }
  for (const migration of missing) {
    await sql.begin(async (transaction) => {
      await transaction.unsafe(
        `CREATE SCHEMA IF NOT EXISTS holdfast;
         CREATE TABLE IF NOT EXISTS holdfast.migration (
           name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
      );
      await transaction.unsafe(migration.statements);
      await transaction`
        INSERT INTO holdfast.migration (name, checksum) VALUES (${migration.name}, ${migration.checksum})`;
      // With the last, so that no crash leaves a service without its rights on what is new.
      if (migration === missing.at(-1)) await grantServiceAgain(transaction);
    });
  }
  return missing.map((migration) => migration.name);
}

async function grantUnderLock(sql: Sql, serviceRole: string): Promise<void> {
  const unfit = await unfitForService(sql, serviceRole);
  if (unfit !== null) throw new MigrationRefused(unfit);
  await sql.begin((transaction) => grantService(transaction, serviceRole));
}

/** The schema is this role's, or there is none and it may make one. */
async function mayMigrate(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ may: boolean }[]>`
    SELECT coalesce(
      (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = 'holdfast'),
      has_database_privilege(current_database(), 'CREATE')) AS may`;
  return row?.may === true;
}

/** What to do about a role that may not. */
async function refusal(sql: Sql, words: string): Promise<MigrationRefused> {
  const [row] = await sql<{ role: string }[]>`SELECT current_user AS role`;
  return new MigrationRefused(
    `the role ${row?.role} ${words}: run \`npx holdfast migrate --service-role ${row?.role}\` with the DATABASE_URL of the ledger's owner`,
  );
}

function isForbidden(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === FORBIDDEN;
}

async function refuseOldServer(sql: Sql): Promise<void> {
  const [server] = await sql<{ version: number }[]>`
    SELECT current_setting('server_version_num')::integer / 10000 AS version`;
  if (server === undefined || server.version < POSTGRES_MIN) {
    throw new MigrationRefused(
      `Holdfast needs PostgreSQL ${POSTGRES_MIN} or newer; this server is PostgreSQL ${server?.version}`,
    );
  }
}

interface Applied {
  readonly name: string;
  readonly checksum: string;
}

async function appliedMigrations(sql: Sql): Promise<readonly Applied[]> {
  const [table] = await sql<
    { exists: boolean }[]
  >`SELECT to_regclass('holdfast.migration') IS NOT NULL AS exists`;
  if (table?.exists !== true) return [];
  return sql<Applied[]>`SELECT name, checksum FROM holdfast.migration ORDER BY name`;
}

/** What is still to be applied. @throws MigrationRefused unless what was applied is how this service's list begins */
function missingMigrations(known: readonly Migration[], applied: readonly Applied[]): readonly Migration[] {
  for (const [index, { name, checksum }] of applied.entries()) {
    const expected = known[index];
    if (expected === undefined || !known.some((migration) => migration.name === name)) {
      throw new MigrationRefused(
        `the database is newer than this service: it has the migration ${name}. Start a service at least as new as the one that made it`,
      );
    }
    if (expected.name !== name) {
      throw new MigrationRefused(
        `the database was migrated past ${expected.name} without it: migrations are applied in the order of their names`,
      );
    }
    if (expected.checksum !== checksum) {
      throw new MigrationRefused(
        `the migration ${name} was changed after it had been applied: restore it, and put the change into a new one`,
      );
    }
  }
  return known.slice(applied.length);
}

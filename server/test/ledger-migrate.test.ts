// The schema comes up by itself, once, whoever starts; what does not fit is refused in words.
import { afterEach, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';
import { SQL } from 'bun';
import { LedgerUnavailable } from '../src/domain/ledger-facts.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { knownMigrations, MigrationRefused, migrate } from '../src/ledger/migrate.ts';
import { type FreshDatabase, freshDatabase } from './harness/stores.ts';

const MIGRATE = fileURLToPath(new URL('../src/ledger/migrate.ts', import.meta.url));

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  while (ends.length > 0) await ends.pop()?.();
});

async function database(): Promise<FreshDatabase> {
  const made = await freshDatabase();
  ends.push(made.drop);
  return made;
}

function ledgerOn(url: string): Ledger {
  const ledger = new Ledger({ databaseUrl: url });
  ends.push(() => ledger.close());
  return ledger;
}

async function change(url: string, statement: string): Promise<void> {
  const sql = new SQL(url, { max: 1 });
  await sql.unsafe(statement);
  await sql.close();
}

test('two processes that migrate at once apply each migration once', async () => {
  const { url } = await database();
  const script = `import { migrate } from ${JSON.stringify(MIGRATE)};
                  console.log(JSON.stringify((await migrate(${JSON.stringify(url)})).applied));`;
  const outputs = await Promise.all(
    [1, 2].map(async () => {
      const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'inherit' });
      return JSON.parse(await new Response(child.stdout).text()) as string[];
    }),
  );
  const names = (await knownMigrations()).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(0);
  expect(outputs.flat().sort()).toEqual(names);
  expect((await migrate(url)).applied).toEqual([]);
  await ledgerOn(url).check();
});

test('a database without the schema, or with half of it, is not checked out as ready', async () => {
  const { url } = await database();
  const ledger = ledgerOn(url);
  await expect(ledger.check()).rejects.toThrow(MigrationRefused);
  await migrate(url);
  await ledger.check();
  const last = (await knownMigrations()).at(-1)?.name;
  await change(url, `DELETE FROM holdfast.migration WHERE name = '${last}'`);
  await expect(ledger.check()).rejects.toThrow(`lacks the migration ${last}`);
});

test('a database that a newer service has migrated is refused, and left as it is', async () => {
  const { url } = await database();
  await migrate(url);
  await change(url, `INSERT INTO holdfast.migration (name, checksum) VALUES ('9999-future.sql', 'x')`);
  await expect(migrate(url)).rejects.toThrow('newer than this service: it has the migration 9999-future.sql');
  await expect(ledgerOn(url).check()).rejects.toThrow(MigrationRefused);
});

test('a migration that was changed after it had been applied is refused by its name', async () => {
  const { url } = await database();
  await migrate(url);
  await change(url, `UPDATE holdfast.migration SET checksum = 'other' WHERE name LIKE '0002%'`);
  await expect(migrate(url)).rejects.toThrow('0002-decisions.sql was changed after it had been applied');
});

test('a database out of reach is said to be that, without its address or password', async () => {
  const failed = await migrate('postgres://holdfast:sesame@127.0.0.1:1/holdfast').catch(
    (error: unknown) => error,
  );
  expect(failed).toBeInstanceOf(LedgerUnavailable);
  expect(String(failed)).not.toMatch(/sesame|127\.0\.0\.1/);
});

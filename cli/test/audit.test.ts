// The promise: whoever runs the service can verify its journal, note its ends, and forget a customer, with one command,
// whether the service runs or not; and is told what is wrong, in words, as JSON and by the exit code.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HoldfastClient } from '@holdfast/client';
import { SQL } from 'bun';
import { ledgerEnvironment } from '../src/audit.ts';
import { type ReadyServer, startQuietServer } from '../src/server-process.ts';

const LAUNCHER = path.join(import.meta.dir, '..', 'bin', 'holdfast.mjs');
/** Making stores and a database takes ten seconds on a slow machine. */
const START_LIMIT_MS = 120_000;
const SEALED_WITHIN_MS = 15_000;

const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-audit-'));
const dataDir = path.join(folder, 'data');
const heads = path.join(folder, 'heads');
const nonsense = path.join(folder, 'nonsense');
const empty = path.join(folder, 'empty');
const env = {
  ...process.env,
  HOLDFAST_DATA_DIR: dataDir,
  HOLDFAST_DEMO: 'on',
  PORT: '0',
  HOLDFAST_METRICS_PORT: '0',
};
let service: ReadyServer;

async function audit(args: readonly string[], changes: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn(['node', LAUNCHER, 'audit', ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...env, ...changes },
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

interface Report {
  readonly verified: boolean;
  readonly chains: readonly { sale: number; source: string; rows: number; unsealed: { rows: number } }[];
  readonly findings: readonly { sale: number; source: string; epoch: number; seq: number; what: string }[];
}

async function verify(args: readonly string[] = [], changes: Readonly<Record<string, string>> = {}) {
  const { out, err, code } = await audit(['verify', '--json', ...args], changes);
  if (out === '') throw new Error(err);
  return { code, report: JSON.parse(out) as Report };
}

/** Verifies until nothing waits to be sealed any more. */
async function allSealed(): Promise<void> {
  const endMs = performance.now() + SEALED_WITHIN_MS;
  for (;;) {
    const { report } = await verify();
    if (report.chains.every(({ unsealed }) => unsealed.rows === 0)) return;
    if (performance.now() > endMs) throw new Error(`not sealed in time: ${JSON.stringify(report)}`);
  }
}

/** As an operator who looks for it finds it. */
function databaseUrl(): string {
  const port = readFileSync(path.join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n')[3];
  const { postgres } = JSON.parse(readFileSync(path.join(dataDir, 'passwords.json'), 'utf8'));
  return `postgres://holdfast:${postgres}@127.0.0.1:${port}/holdfast`;
}

beforeAll(async () => {
  writeFileSync(nonsense, '# A comment\n1 l 2 abc\n');
  writeFileSync(empty, '# A comment\n');
  service = await startQuietServer(env, new AbortController().signal);
  const guest = new HoldfastClient({ baseUrl: service.url });
  const { access_token } = await guest.token('ann');
  const ann = new HoldfastClient({ baseUrl: service.url, token: access_token });
  const { reservation } = await ann.reserve({ sku: 'FLASH-SALE-001', quantity: 1 });
  await ann.confirm(reservation.reservation_id);
}, START_LIMIT_MS);

afterAll(async () => {
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('while the service runs', () => {
  test('what it journaled is sealed, and verifies', async () => {
    await allSealed();
    const { out, err, code } = await audit(['verify']);
    expect({ err, code }).toEqual({ err: '', code: 0 });
    expect(out).toMatch(/^flash-sale \[1\] l: \d+ rows in \d+ seals?, through \d+$/m);
    expect(out).toMatch(
      /^Verified: \d+ sealed rows as they were sealed, and stock, orders and register agree/m,
    );
  });

  test('the ends of the chains are printed, and expected later', async () => {
    const { out, code } = await audit(['head']);
    expect(code).toBe(0);
    expect(out).toMatch(/^1 l \d+ [0-9a-f]{64} {2}flash-sale \[1\], sealed through \d+$/m);
    writeFileSync(heads, out);
    expect((await verify(['--expect-head', heads])).report).toMatchObject({ verified: true, findings: [] });
    const asJson = JSON.parse((await audit(['head', '--json'])).out);
    expect(asJson.heads[0]).toMatchObject({ sale: 1, sale_id: 'flash-sale', source: 'l' });
  });

  test('a head that the chain does not have is found', async () => {
    const other = path.join(folder, 'other');
    writeFileSync(other, readFileSync(heads, 'utf8').replace(/(1 l \d+ )\w{8}/, '$100000000'));
    const { code, report } = await verify(['--expect-head', other]);
    expect(code).toBe(1);
    expect(report.findings).toMatchObject([{ sale: 1, source: 'l', what: 'seal-changed' }]);
  });

  test('what was changed in the database is found, and nothing else', async () => {
    const sql = new SQL(databaseUrl(), { max: 1 });
    const rename = (from: string, to: string) =>
      sql.begin(async (tampering) => {
        await tampering`SET LOCAL session_replication_role = replica`;
        await tampering`
          UPDATE holdfast.journal SET detail = jsonb_set(detail, '{operator}', ${to}::text::jsonb)
          WHERE sale = 1 AND source = 'l' AND seq = 2 AND detail->>'operator' = ${from}`;
      });
    try {
      const [{ was }] = await sql`
        SELECT detail->>'operator' AS was FROM holdfast.journal WHERE sale = 1 AND source = 'l' AND seq = 2`;
      await rename(was, '"somebody else"');
      const { out, code } = await audit(['verify', '--sale', 'flash-sale']);
      expect(out).toContain('NOT VERIFIED: 1 finding');
      expect(out).toMatch(/flash-sale \[1\] l 2: changed: it is not as it was sealed in seal \d/);
      expect(code).toBe(1);
      await rename('somebody else', JSON.stringify(was));
      expect((await verify([], { DATABASE_URL: databaseUrl() })).code).toBe(0);
    } finally {
      await sql.close();
    }
  });

  test('a customer is forgotten once, and what they bought stays under the pseudonym', async () => {
    const forgotten = await audit(['forget', '--customer', 'ann', '--operator', 'eve']);
    expect(forgotten).toMatchObject({ code: 0, err: '' });
    expect(forgotten.out).toStartWith('Forgotten:');
    const again = await audit(['forget', '--customer', 'ann']);
    expect(again).toMatchObject({ code: 1, err: '' });
    expect(again.out).toStartWith('The ledger does not know this customer');
    expect(await audit(['forget', '--customer', 'nobody', '--json'])).toMatchObject({
      code: 1,
      out: '{"forgotten":false}\n',
    });
    const sql = new SQL(databaseUrl(), { max: 1 });
    try {
      expect([...(await sql`SELECT sub FROM holdfast.customer`)]).toEqual([]);
      const [entry] = await sql`
        SELECT entry.kind, entry.detail->>'operator' AS operator, count(orders) AS orders
        FROM holdfast.journal AS entry JOIN holdfast.orders USING (customer)
        WHERE entry.sale = 0 AND entry.source = 'l' AND entry.seq = 1
        GROUP BY 1, 2`;
      expect(entry).toMatchObject({ kind: 'customer-forgotten', operator: 'eve', orders: '1' });
    } finally {
      await sql.close();
    }
    await allSealed();
    const { code, report } = await verify(['--expect-head', heads]);
    expect({ code, findings: report.findings }).toEqual({ code: 0, findings: [] });
  });
});

describe('while the service is stopped', () => {
  test(
    'the data folder is enough, and nothing is left running',
    async () => {
      await service.stop();
      const { code, report } = await verify(['--expect-head', heads]);
      expect(code).toBe(0);
      expect(report.chains.find(({ sale }) => sale === 0)).toMatchObject({ rows: 1 });
      // The folder is free for the service.
      service = await startQuietServer(env, new AbortController().signal);
    },
    START_LIMIT_MS,
  );
});

describe('what cannot be done is said:', () => {
  const cases: readonly (readonly [string[], Record<string, string>, number, RegExp])[] = [
    [['verify'], { HOLDFAST_DATA_DIR: path.join(folder, 'none') }, 3, /there is no ledger in .*none/],
    [['verify'], { DATABASE_URL: 'postgres://127.0.0.1:1/none' }, 3, /no connection to PostgreSQL/],
    [['verify'], { DATABASE_URL: 'mysql://here' }, 3, /DATABASE_URL: is not the URL of a PostgreSQL/],
    [['verify', '--expect-head', path.join(folder, 'none')], {}, 2, /--expect-head .*none: ENOENT/],
    [['verify', '--expect-head', nonsense], {}, 2, /line 2 is not the end of a chain/],
    [['verify', '--expect-head', empty], {}, 2, /holds no end of a chain/],
    [['verify', '--sale', 'no-such-sale'], {}, 2, /There is no sale "no-such-sale"/],
    [['verify', '--sail', 'x'], {}, 2, /--sail/],
    [['prove'], {}, 2, /verify, head or forget/],
    [[], {}, 2, /verify, head or forget/],
    [['forget'], {}, 2, /--customer/],
    [['forget', '--customer', ''], {}, 2, /--customer/],
  ];
  for (const [args, changes, code, words] of cases) {
    test(`holdfast audit ${args.join(' ')} ${JSON.stringify(changes)}`.replaceAll(folder, '…'), async () => {
      const ended = await audit(args, changes);
      expect(ended.err).toMatch(words);
      expect(ended).toMatchObject({ code, out: '' });
    });
  }
});

test('its help names everything it takes', async () => {
  const { out, code } = await audit(['--help']);
  expect(out).toStartWith('Usage: holdfast audit verify');
  for (const option of ['--sale', '--expect-head', '--json', '--customer', '--operator'])
    expect(out).toContain(option);
  expect(code).toBe(0);
});

test('the settings of the service are no concern of an audit', () => {
  expect(
    ledgerEnvironment({
      PATH: '/bin',
      DATABASE_URL: 'postgres://ledger',
      HOLDFAST_DATA_DIR: '/data',
      HOLDFAST_WORKERS: 'nonsense',
      HOLDFAST_PARENT_FD: '3',
      HOLDFAST_JWT_SECRET: 'secret',
      NODE_ENV: 'production',
      REDIS_URL: 'redis://here',
      PORT: '80',
    }),
  ).toEqual({ PATH: '/bin', DATABASE_URL: 'postgres://ledger', HOLDFAST_DATA_DIR: '/data' });
});

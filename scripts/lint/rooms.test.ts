// The walls between the rooms hold only while something checks that the checker bites. Each trespass below
// is written into a scratch project with this repository's lint rules, and must be reported at its file.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.join(import.meta.dir, '../..');
const BIOME = path.join(ROOT, 'node_modules/@biomejs/biome/bin/biome');

/** Each file trespasses once; the report must say this about it. */
const TRESPASSES: readonly { readonly file: string; readonly source: string; readonly says: RegExp }[] = [
  // One for every room that may not reach another.
  { file: 'server/src/domain/a.ts', source: "import '../stock/x.ts';", says: /domain is pure/ },
  { file: 'server/src/domain/b.ts', source: "import '../telemetry/x.ts';", says: /domain is pure/ },
  { file: 'server/src/stock/a.ts', source: "import '../ledger/x.ts';", says: /never meets the ledger/ },
  { file: 'server/src/stock/b.ts', source: "import '../reservations/x.ts';", says: /stock imports/ },
  { file: 'server/src/ledger/a.ts', source: "import '../stock/x.ts';", says: /never meets the stock/ },
  { file: 'server/src/reservations/a.ts', source: "import '../sales/x.ts';", says: /never meets sales/ },
  { file: 'server/src/reservations/b.ts', source: "import '../http/x.ts';", says: /reservations imports/ },
  { file: 'server/src/sales/a.ts', source: "import '../reservations/x.ts';", says: /never meets reserv/ },
  { file: 'server/src/http/a.ts', source: "import '../workers/x.ts';", says: /http imports/ },
  { file: 'server/src/http/b.ts', source: "import '../app.ts';", says: /http imports/ },
  { file: 'server/src/http/c.ts', source: "import '../config.ts';", says: /http imports/ },
  { file: 'server/src/workers/a.ts', source: "import '../http/x.ts';", says: /workers import/ },
  { file: 'server/src/telemetry/a.ts', source: "import '../http/x.ts';", says: /telemetry stands beside/ },
  { file: 'server/src/embedded/a.ts', source: "import '../ledger/x.ts';", says: /embedded starts/ },
  { file: 'server/src/processes/a.ts', source: "import '../app.ts';", says: /processes start/ },
  { file: 'server/src/processes/b.ts', source: "import '../http/x.ts';", says: /processes start/ },
  { file: 'server/src/app.ts', source: "import './processes/x.ts';", says: /main joins them/ },
  { file: 'server/src/main.ts', source: "import './stock/x.ts';", says: /wiring is app's/ },
  { file: 'server/src/config.ts', source: "import './ledger/x.ts';", says: /imports no room/ },
  { file: 'server/src/config-stores.ts', source: "import './domain/x.ts';", says: /imports no room/ },

  // Every way to write an import.
  { file: 'server/src/stock/c.ts', source: "import type { X } from '../ledger/x.ts';", says: /never meets/ },
  { file: 'server/src/stock/d.ts', source: "export { x } from '../ledger/x.ts';", says: /never meets/ },
  { file: 'server/src/stock/e.ts', source: "await import('../ledger/x.ts');", says: /never meets/ },
  { file: 'server/src/stock/f.ts', source: "require('../ledger/x.ts');", says: /never meets/ },
  {
    file: 'server/src/stock/g.ts',
    source: "export type X = import('../ledger/x.ts').X;",
    says: /never meets/,
  },
  { file: 'server/src/stock/deep/h.ts', source: "import '../../ledger/x.ts';", says: /never meets/ },

  // Packages with one owner.
  { file: 'server/src/ledger/b.ts', source: "import 'ioredis';", says: /knows Redis/ },
  { file: 'server/src/stock/i.ts', source: "import 'postgres';", says: /knows PostgreSQL/ },
  { file: 'server/src/app-hono.ts', source: "import 'hono/cors';", says: /know Hono/ },
  { file: 'client/src/hono.ts', source: "import 'hono';", says: /know Hono/ },
  { file: 'server/src/sales/zod.ts', source: "import '@hono/zod-openapi';", says: /know Hono/ },
  { file: 'server/src/http/pino.ts', source: "import 'pino';", says: /knows pino and prom-client/ },
  { file: 'server/src/workers/prom.ts', source: "import 'prom-client';", says: /knows pino and prom-client/ },
  { file: 'bench/src/redis.ts', source: "import 'ioredis';", says: /knows Redis/ },
  { file: 'bench/src/express.ts', source: "import 'express';", says: /what the bench compares with/ },

  // Workspaces.
  { file: 'cli/src/a.ts', source: "import '../../server/src/domain/ids.ts';", says: /never imported/ },
  { file: 'client/src/a.ts', source: "import '@holdfast/server/app';", says: /never imported/ },
  { file: 'contract/src/a.ts', source: "import '../../server/src/x.ts';", says: /never imported/ },
  { file: 'server/src/http/client.ts', source: "import '@holdfast/client';", says: /never build on the cl/ },
  { file: 'contract/src/b.ts', source: "import '@holdfast/client';", says: /never build on the client/ },
  { file: 'server/test/cli.ts', source: "import '../../cli/src/race.ts';", says: /CLI is on top/ },
  { file: 'client/src/cli.ts', source: "import '../../cli/src/race.ts';", says: /CLI is on top/ },
  { file: 'server/test/bench.ts', source: "import '../../bench/src/run.ts';", says: /measures the rest/ },
  { file: 'cli/src/bench.ts', source: "import '@holdfast/bench/run';", says: /measures the rest/ },
  { file: 'bench/src/a.ts', source: "import '../../server/src/app.ts';", says: /as customers do/ },
  { file: 'bench/src/b.ts', source: "import '../../server/src/stock/library.ts';", says: /as customers do/ },
  { file: 'client/src/node.ts', source: "import 'node:fs';", says: /Node.js builtin/ },

  // The web app.
  { file: 'web/src/shared/a.ts', source: "import '../storefront/x.ts';", says: /knows neither/ },
  { file: 'web/src/shared/b.ts', source: "import '../console/x.ts';", says: /knows neither/ },
  { file: 'web/src/storefront/a.tsx', source: "import '../console/x.ts';", says: /never meet/ },
  { file: 'web/src/storefront/deep/b.ts', source: "import '../../console/x.ts';", says: /never meet/ },
  { file: 'web/src/console/a.ts', source: "await import('../storefront/x.ts');", says: /never meet/ },
  { file: 'web/src/storefront/c.ts', source: "import 'uplot';", says: /Plots are the console's/ },
  { file: 'web/src/shared/c.ts', source: "import '../../../server/src/app.ts';", says: /never imported/ },
  { file: 'web/src/shared/d.ts', source: "import '../../../cli/src/race.ts';", says: /CLI is on top/ },
  { file: 'web/src/console/b.ts', source: "import '@holdfast/bench/run';", says: /measures the rest/ },
  { file: 'server/src/http/web.ts', source: "import '../../../web/src/x.ts';", says: /web app is on top/ },
  { file: 'cli/src/web.ts', source: "import '@holdfast/web/x';", says: /web app is on top/ },
  { file: 'web/src/shared/node.ts', source: "import 'node:fs';", says: /Node.js builtin/ },

  // The environment.
  { file: 'server/src/http/env-a.ts', source: 'process.env.PORT;', says: /reads the environment/ },
  { file: 'server/src/stock/env-b.ts', source: 'Bun.env.PORT;', says: /reads the environment/ },
  { file: 'server/src/main-env.ts', source: 'import.meta.env;', says: /reads the environment/ },
  { file: 'server/src/processes/env.ts', source: 'const { env } = process;', says: /reads the env/ },
  {
    file: 'server/src/ledger/env.ts',
    source: "import { env } from 'node:process';",
    says: /reads the environment/,
  },

  // Cycles, of values and of types.
  { file: 'server/src/domain/ring-a.ts', source: "import './ring-b.ts';", says: /cycle/ },
  {
    file: 'server/src/domain/ring-b.ts',
    source: "import type { A } from './ring-a.ts';",
    says: /cycle/,
  },
];

/** Imports that the house is built of: none may be reported by a wall. */
const ALLOWED: readonly { readonly file: string; readonly source: string }[] = [
  { file: 'server/src/stock/ok.ts', source: "import 'ioredis'; import '../domain/x.ts'; process.pid;" },
  { file: 'server/src/ledger/ok.ts', source: "import 'postgres'; import '../telemetry/log.ts';" },
  { file: 'server/src/http/ok.ts', source: "import 'hono'; import '../sales/sales.ts'; import './x.ts';" },
  { file: 'server/src/workers/ok.ts', source: "import '../reservations/x.ts'; import '../stock/x.ts';" },
  { file: 'server/src/processes/ok.ts', source: "import '../config.ts'; import '../embedded/start.ts';" },
  { file: 'server/src/telemetry/ok.ts', source: "import 'pino'; import 'prom-client';" },
  { file: 'server/src/embedded/ok.ts', source: "import './postgres/start.ts'; process.on('exit', stop);" },
  { file: 'server/src/config-reader.ts', source: "import './embedded/cache-folder.ts';" },
  { file: 'server/test/ok.ts', source: "import 'postgres'; import '../src/http/x.ts';" },
  { file: 'bench/src/baselines/ok.mjs', source: "import 'express'; import 'ioredis';" },
  {
    file: 'bench/src/ok.ts',
    source: "import '../../server/src/stock/keys.ts'; import '../../server/test/harness/stores.ts';",
  },
  { file: 'cli/src/ok.ts', source: "import '@holdfast/client'; import '@holdfast/contract/x';" },
  { file: 'web/src/console/ok.ts', source: "import 'uplot'; import '../shared/x.ts'; import './y.ts';" },
  { file: 'web/src/storefront/ok.ts', source: "import '@holdfast/client'; import '../shared/x.ts';" },
  { file: 'web/e2e/ok.ts', source: "import '../../server/test/harness/service.ts'; import 'node:fs';" },
];

let scratch: string;
let reports: Map<string, string[]>;

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-rooms-'));
  for (const copied of [
    'biome.jsonc',
    '.gitignore',
    'scripts/lint/rooms.grit',
    'scripts/lint/environment.grit',
  ]) {
    cpSync(path.join(ROOT, copied), path.join(scratch, copied));
  }
  for (const { file, source } of [...TRESPASSES, ...ALLOWED]) {
    mkdirSync(path.join(scratch, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(scratch, file), `${source}\n`);
  }
  const lint = Bun.spawn(
    [process.execPath, BIOME, 'lint', '--reporter=json', '--max-diagnostics=none', '.'],
    {
      cwd: scratch,
      stdout: 'pipe',
      stderr: 'ignore',
    },
  );
  const report: { diagnostics: { message: string; location: { path: string } }[] } = JSON.parse(
    await new Response(lint.stdout).text(),
  );
  reports = new Map();
  for (const { message, location } of report.diagnostics) {
    reports.set(location.path, [...(reports.get(location.path) ?? []), message]);
  }
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the walls between the rooms bite', () => {
  for (const { file, source, says } of TRESPASSES) {
    test(`${file}: ${source}`, () => {
      expect(reports.get(file)?.join('\n') ?? 'nothing reported').toMatch(says);
    });
  }
});

describe('the walls have doors', () => {
  for (const { file, source } of ALLOWED) {
    test(`${file}: ${source}`, () => {
      const walls = (reports.get(file) ?? []).filter((message) => /Only |never|imports|cycle/.test(message));
      expect(walls).toEqual([]);
    });
  }
});

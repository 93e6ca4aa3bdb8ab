// Known vulnerabilities fail where they matter, exceptions end, and a registry that cannot be asked is never taken for a good answer. The
// whole command runs with the real npm, against a registry of its own.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { type Advisory, judge, readAudit } from './advisories.ts';
import { readLockfile } from './lockfile.ts';

const root = path.join(import.meta.dir, '../..');
const lockfile = readLockfile(root);
const TODAY = '2026-11-27';

const advisory = (name: string, severity: string): Advisory => ({
  id: 'GHSA-aaaa-bbbb-cccc',
  package: name,
  title: 'breaks',
  severity,
  places: [`node_modules/${name}`],
});
const verdict = (one: Advisory, until?: string) =>
  judge(
    [one],
    lockfile,
    until === undefined ? [] : [{ advisory: one.id, package: one.package, reason: 'never called', until }],
    TODAY,
  );

describe('an advisory', () => {
  test('fails in whatever is shipped, however small it is, and elsewhere from high on', () => {
    for (const [name, severity, fails] of [
      ['ioredis', 'low', true],
      ['react-dom', 'moderate', true],
      ['express', 'moderate', false],
      ['express', 'high', true],
      ['vite', 'moderate', false],
      ['vite', 'critical', true],
      ['not-in-the-lockfile', 'low', true],
    ] as const) {
      const { failing, noted } = verdict(advisory(name, severity));
      expect([failing.length, noted.length], `${name} ${severity}`).toEqual(fails ? [1, 0] : [0, 1]);
      expect([...failing, ...noted][0]).toContain(`${name} (`);
    }
  });

  test('is lived with until the last day of its exception, and told; after it, it fails', () => {
    expect(verdict(advisory('ioredis', 'high'), TODAY).noted[0]).toContain('until 2026-11-27: never called');
    expect(verdict(advisory('ioredis', 'high'), '2026-11-26').failing[0]).toContain('ended on 2026-11-26');
  });

  test('that an exception is not for fails, and the exception is told to be left over', () => {
    const other = { advisory: 'GHSA-aaaa-bbbb-cccc', package: 'zod', reason: 'x', until: '2030-01-01' };
    const { failing, noted } = judge([advisory('ioredis', 'low')], lockfile, [other], TODAY);
    expect(failing).toHaveLength(1);
    expect(noted[0]).toContain('not needed any more');
  });
});

test('whatever-is-no-report-is-not-audited-and-no-address-is-told', () => {
  for (const output of [
    '',
    'x',
    '{}',
    '{"message":"405 Method Not Allowed - POST https://me:pw@reg.example/-/npm"}',
  ])
    expect(readAudit(output).kind, output).toBe('not-audited');
  const told = [
    'request to https://me:pw@reg.example/ failed',
    '500 Internal Server Error - POST https://reg.example/',
  ]
    .map((message) => readAudit(JSON.stringify({ message })))
    .map((audit) => (audit.kind === 'not-audited' ? audit.why : ''));
  expect(told).toEqual([
    'request to the registry failed',
    "the registry's advisory service answered 500 Internal Server Error",
  ]);
});

describe('the command', () => {
  /** By package: what the registry answers. */
  let known: Record<string, object[]> = {};
  let status = 200;
  beforeEach(() => {
    known = {};
    status = 200;
  });
  const registry = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      await request.arrayBuffer();
      // Refused once, npm 10 asks at another address.
      if (status !== 200) return Response.json({}, { status });
      const isAudit = new URL(request.url).pathname === '/-/npm/v1/security/advisories/bulk';
      return isAudit ? Response.json(known) : Response.json({ error: 'not found' }, { status: 404 });
    },
  });
  afterAll(() => registry.stop(true));

  const entry = (severity: string) => ({
    id: 1,
    url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
    title: 'breaks',
    severity,
    vulnerable_versions: '>=0.0.0',
    cwe: [],
    cvss: { score: 5, vectorString: null },
  });

  async function supply(url = registry.url.href, ...args: string[]) {
    const child = spawn(process.execPath, ['scripts/supply.ts', ...args], {
      cwd: root,
      env: {
        ...process.env,
        npm_config_registry: url,
        npm_config_noproxy: '127.0.0.1',
        npm_config_update_notifier: 'false',
      },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += part));
    const code = await new Promise((resolve) => child.on('close', resolve));
    return { code, text };
  }

  test('fails on what is shipped and on what is grave, and lists the rest', async () => {
    known = { ioredis: [entry('moderate')], vite: [entry('high')], express: [entry('low')] };
    const { code, text } = await supply();
    expect(text).toMatch(/^vulnerable: ioredis \(service, tools\): moderate, GHSA-aaaa-bbbb-cccc: breaks$/m);
    expect(text).toMatch(/^vulnerable: vite \(development\): high/m);
    expect(text).toMatch(/^noted: express \(tools\): low/m);
    expect(code).toBe(1);
  });

  test('passes when nothing that matters is known', async () => {
    known = { express: [entry('low')] };
    const { code, text } = await supply();
    expect(text).toContain('audited: no known vulnerability that matters.');
    expect(text).not.toContain('not audited');
    expect(code).toBe(0);
  });

  test('says in one line that nothing was audited, where the registry does not say or is not there', async () => {
    status = 405;
    const refusedBy = await supply();
    const nobody = await supply('http://127.0.0.1:1/');
    for (const { code, text } of [refusedBy, nobody]) {
      expect(text).toMatch(/^not audited: .+ Known vulnerabilities were not looked up\.$/m);
      expect(text).not.toContain('\naudited');
      expect(code).toBe(0);
    }
    expect(refusedBy.text).toContain('405 Method Not Allowed');
    expect((await supply('http://127.0.0.1:1/', '--must-audit')).code).toBe(1);
  });
});

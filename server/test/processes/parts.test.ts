// Promises of the parts that the supervisor is made of.
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigurationError } from '../../src/config.ts';
import { loadOrMakeJwtSecret } from '../../src/processes/jwt-secret.ts';
import { CRASH_WINDOW_MS, MAX_CRASHES, RestartPolicy } from '../../src/processes/restart-policy.ts';
import { onSourceChange } from '../../src/processes/source-watch.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-parts-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the secret of a data folder', () => {
  const dataDir = path.join(scratch, 'fresh', 'data');

  test('is made once, for nobody else to read, and found again', () => {
    const secret = loadOrMakeJwtSecret({ dataDir });
    expect(secret).toMatch(/^[A-Za-z0-9_-]{64}$/);
    expect(loadOrMakeJwtSecret({ dataDir })).toBe(secret);
    expect(statSync(path.join(dataDir, 'secrets')).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(dataDir, 'secrets/jwt')).mode & 0o777).toBe(0o600);
  });

  test('is another one in another folder', () => {
    const other = loadOrMakeJwtSecret({ dataDir: path.join(scratch, 'other') });
    expect(other).not.toBe(loadOrMakeJwtSecret({ dataDir }));
  });

  test('is refused when what is there is too short to sign with', () => {
    writeFileSync(path.join(dataDir, 'secrets/jwt'), 'short\n');
    expect(() => loadOrMakeJwtSecret({ dataDir })).toThrow(ConfigurationError);
  });
});

describe('restarting', () => {
  test('comes later after each crash, and ends when crashes come thick', () => {
    const policy = new RestartPolicy();
    const delays = Array.from({ length: MAX_CRASHES }, (_, crash) => policy.afterCrash(crash));
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, null]);
  });

  test('goes on for ever when crashes are far apart', () => {
    const policy = new RestartPolicy();
    for (let crash = 0; crash < 100; crash++) expect(policy.afterCrash(crash * CRASH_WINDOW_MS)).toBe(100);
  });

  test('begins anew with new code', () => {
    const policy = new RestartPolicy();
    for (let crash = 0; crash < MAX_CRASHES; crash++) policy.afterCrash(crash);
    policy.forget();
    expect(policy.afterCrash(MAX_CRASHES)).toBe(100);
  });
});

test('a change of the code is noticed once, whatever the number of writes; other files are not code', async () => {
  const folder = mkdtempSync(path.join(scratch, 'src-'));
  const first = Promise.withResolvers<void>();
  const calls: string[] = [];
  const stop = onSourceChange([folder], async (file) => {
    calls.push(path.basename(file));
    first.resolve();
  });
  writeFileSync(path.join(folder, 'notes.md'), 'not code');
  for (let i = 0; i < 5; i++) writeFileSync(path.join(folder, 'app.ts'), `// ${i}`);
  await first.promise;
  stop();
  expect(calls).toEqual(['app.ts']);
});

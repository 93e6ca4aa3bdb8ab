// The bill of materials has every production package of the lockfile, with what finds it again: purl, version, licence, hash.
import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isShipped, readLockfile } from './lockfile.ts';
import { isProduction, type Sbom, sbomOf } from './sbom.ts';

const root = path.join(import.meta.dir, '../..');
const lockfile = readLockfile(root);
const sbom = sbomOf(lockfile);
const byRef = new Map(sbom.components.map((one) => [one['bom-ref'], one]));
const refOf = (name: string, version: string) =>
  `pkg:npm/${encodeURIComponent(name).replace('%2F', '/')}@${version}`;

test('every-production-package-of-the-lockfile-is-in-it-with-purl-version-licence-and-hash', () => {
  const packages = lockfile.packages.filter(isProduction);
  expect(packages.length).toBeGreaterThan(100);
  for (const { name, version, licence, integrity, place } of packages) {
    const component = byRef.get(refOf(name, version));
    const [group, short] = name.startsWith('@') ? name.split('/') : [undefined, name];
    expect(component, place).toMatchObject({ name: short as string, version, purl: refOf(name, version) });
    expect(component?.group, place).toBe(group);
    expect(component?.licenses, place).toEqual([{ license: { id: licence as string } }]);
    const hex = Buffer.from((integrity as string).slice('sha512-'.length), 'base64').toString('hex');
    expect(component?.hashes, place).toEqual([{ alg: 'SHA-512', content: hex }]);
    expect(hex, place).toHaveLength(128);
  }
  expect(byRef.size).toBe(new Set(packages.map(({ name, version }) => refOf(name, version))).size);
  expect(sbom.components.length).toBe(byRef.size);
});

test('what-is-for-development-alone-is-not-and-what-is-given-to-nobody-is-marked', () => {
  for (const { name, version } of lockfile.packages.filter((one) => !isProduction(one)))
    expect(byRef.has(refOf(name, version)), name).toBe(false);
  for (const one of lockfile.packages.filter(isProduction)) {
    const scope = byRef.get(refOf(one.name, one.version))?.scope;
    expect(scope, one.name).toBe(!isShipped(one) ? 'excluded' : one.isOptional ? 'optional' : 'required');
  }
});

test('every-dependency-is-a-component-and-every-component-is-needed', () => {
  const refs = new Set(sbom.dependencies.map(({ ref }) => ref));
  const [self] = sbom.dependencies;
  expect(self?.ref).toBe('pkg:npm/holdfast-workspace@0.1.0');
  expect(refs).toEqual(new Set([self?.ref as string, ...byRef.keys()]));
  const needed = new Set(sbom.dependencies.flatMap(({ dependsOn }) => dependsOn));
  expect(needed).toEqual(new Set(byRef.keys()));
});

test('the-command-writes-the-same-bytes-each-time-and-they-change-with-the-content', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-sbom-'));
  try {
    const file = path.join(folder, 'a.cdx.json');
    const run = (...args: string[]) =>
      spawnSync(process.execPath, ['scripts/sbom.ts', ...args], { cwd: root, encoding: 'utf8' });
    expect(run('--out', file).status).toBe(0);
    const text = readFileSync(file, 'utf8');
    expect(run().stdout).toBe(text);
    expect(JSON.parse(text) as Sbom).toEqual(JSON.parse(JSON.stringify(sbom)));
    expect(run('--out').status).toBe(2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  expect(sbom.serialNumber).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(sbomOf({ ...lockfile, version: '0.1.1' }).serialNumber).not.toBe(sbom.serialNumber);
});

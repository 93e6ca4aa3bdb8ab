// `npm run supply`: what comes from outside, held against scripts/supply/policy.ts. Licences, hashes and origins by the lockfile and what is
// installed; known vulnerabilities by the registry's advisory service.
//
//   npm run supply                    without an advisory service to ask, the rest is checked and it says "not audited"
//   npm run supply -- --must-audit    that fails too: before a release
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Audit, judge, readAudit } from './supply/advisories.ts';
import { differsInstalled, refused } from './supply/licences.ts';
import { readLockfile } from './supply/lockfile.ts';
import { AUDIT_EXCEPTIONS } from './supply/policy.ts';

/** A registry that is there answers within seconds. Not tried again: whoever wants to know runs it again. */
const ANSWER_LIMIT_MS = 20_000;
const NPM_LIMIT_MS = 60_000;

const root = path.join(import.meta.dir, '..');
const args = process.argv.slice(2);
if (args.some((arg) => arg !== '--must-audit')) {
  console.error('npm run supply takes --must-audit and nothing else.');
  process.exit(2);
}
process.exitCode = main() ? 0 : 1;

function main(): boolean {
  const lockfile = readLockfile(root);
  const wrong = [...refused(lockfile), ...differsInstalled(lockfile, installedLicence)];
  for (const line of wrong) console.error(line);
  if (wrong.length > 0) console.error('What is let in: scripts/supply/policy.ts.');
  else
    console.log(
      `${lockfile.packages.length} packages: licences, hashes and origins are as the policy wants.`,
    );

  const audit = askNpm();
  if (audit.kind === 'not-audited') {
    console.log(`not audited: ${audit.why}. Known vulnerabilities were not looked up.`);
    return wrong.length === 0 && !args.includes('--must-audit');
  }
  const today = new Date().toISOString().slice(0, 10);
  const { failing, noted } = judge(audit.advisories, lockfile, AUDIT_EXCEPTIONS, today);
  for (const line of noted) console.log(`noted: ${line}`);
  for (const line of failing) console.error(`vulnerable: ${line}`);
  if (failing.length > 0)
    console.error(
      'Update the package, or give the advisory a reason and an end in scripts/supply/policy.ts.',
    );
  else console.log('audited: no known vulnerability that matters.');
  return wrong.length === 0 && failing.length === 0;
}

function askNpm(): Audit {
  const { stdout, error } = spawnSync(
    'npm',
    [
      'audit',
      '--json',
      '--package-lock-only',
      '--include=dev',
      '--include=optional',
      '--fetch-retries=0',
      `--fetch-timeout=${ANSWER_LIMIT_MS}`,
    ],
    { cwd: root, encoding: 'utf8', timeout: NPM_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 },
  );
  if (error) return { kind: 'not-audited', why: `npm could not be run (${error.message})` };
  return readAudit(stdout);
}

/** A package's own word; undefined where it is not installed. */
function installedLicence(place: string): string | undefined {
  try {
    const { license, licenses } = JSON.parse(
      readFileSync(path.join(root, place, 'package.json'), 'utf8'),
    ) as {
      license?: string | { type?: string };
      licenses?: readonly { type?: string }[];
    };
    return (typeof license === 'string' ? license : (license ?? licenses?.[0])?.type) ?? '';
  } catch {
    return undefined;
  }
}

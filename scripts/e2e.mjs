// npm run e2e: the web app in the system's Chromium, on a real service and real stores: web/e2e/*.test.ts, one file
// after the other, because browsers and stores share few cores. Arguments go to the runner:
//
//   npm run e2e -- web/e2e/shopping.test.ts      one file
//   npm run e2e -- --screenshots                 also writes docs/screenshots/*.png
//
// HOLDFAST_CHROMIUM names a browser that is not on the PATH. A machine without one fails: nothing is skipped.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bunEnvironment, findBun } from '../cli/bin/find-bun.mjs';

/** One test is a shopper's whole visit. */
const TEST_LIMIT_MS = 90_000;

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const screenshots = args.includes('--screenshots');
const rest = args.filter((arg) => arg !== '--screenshots');
const named = rest.some((arg) => arg.includes('.test.'));
const files = named
  ? []
  : readdirSync(path.join(root, 'web/e2e'))
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `./web/e2e/${name}`);

const child = spawn(findBun(), ['test', `--timeout=${TEST_LIMIT_MS}`, ...files, ...rest], {
  cwd: root,
  env: { ...bunEnvironment(process.env), ...(screenshots && { HOLDFAST_SCREENSHOTS: '1' }) },
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

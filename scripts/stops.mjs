// npm run stops: a service is stopped under load again and again, as often as you like.
//
//   npm run stops -- --times 100
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TIMES = '20';
const TEST = 'server/test/stopping-drops-nothing.test.ts';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { times: { type: 'string', default: TIMES } } });
const child = spawn(process.execPath, [path.join(root, 'scripts/test.mjs'), TEST], {
  stdio: 'inherit',
  env: { ...process.env, HOLDFAST_TEST_STOPS: values.times },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

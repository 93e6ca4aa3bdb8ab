// npm run model: the model test of the whole system, as long as you like, or a failure of it played again.
//
//   npm run model -- --runs 5000                 so many sequences; 5,000 if nothing is said
//   npm run model -- --runs 5000 --seed 42       the same ones every time
//   npm run model -- --seed 43 --path 7:0:3      one failure, as its report says
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const RUNS = '5000';
const TEST = 'server/test/a-whole-system-model.test.ts';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: RUNS },
    seed: { type: 'string', default: '' },
    path: { type: 'string', default: '' },
  },
});
const child = spawn(process.execPath, [path.join(root, 'scripts/test.mjs'), TEST], {
  stdio: 'inherit',
  env: {
    ...process.env,
    HOLDFAST_TEST_MODEL_RUNS: values.runs,
    HOLDFAST_TEST_SEED: values.seed,
    HOLDFAST_TEST_PATH: values.path,
  },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

// Runs a script of this repository under the Bun that npm installed: node scripts/bun.mjs file.ts [args]
import { spawn } from 'node:child_process';
import { bunEnvironment, findBun } from '../cli/bin/find-bun.mjs';

const child = spawn(findBun(), process.argv.slice(2), { stdio: 'inherit', env: bunEnvironment(process.env) });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));

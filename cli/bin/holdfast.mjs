#!/usr/bin/env node
// The `holdfast` command as npm links it: started by Node, it runs cli/src/main.ts under the Bun that npm
// installed, hands on signals, and exits as Bun did. The fourth file descriptor is a pipe whose other end is
// here: when this process is gone, however it ended, the pipe ends too, and what was started stops by itself.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { bunEnvironment, findBun } from './find-bun.mjs';

const OLDEST_NODE = [20, 19];
const PARENT_FD = 3;

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  fail(`Holdfast needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}.`);
}

let bun;
try {
  bun = findBun();
} catch (error) {
  fail(error.message);
}

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const child = spawn(bun, ['--no-env-file', main, ...process.argv.slice(2)], {
  stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  env: { ...bunEnvironment(process.env), HOLDFAST_PARENT_FD: String(PARENT_FD) },
});
// A terminal's Ctrl-C reaches the command by itself too; it takes any number of signals as one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(`Bun could not be started: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));

function fail(message) {
  console.error(message);
  process.exit(1);
}

// `npm run monitoring`: the rules are checked and their unit tests run by promtool; then a real Prometheus watches a real service
// while each alert's fault is caused, and each alert must fire. About four minutes, and never more than six.
//
//   npm run monitoring              all of it
//   npm run monitoring -- --rules   promtool alone: seconds, no server
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { stopServices } from '../server/test/harness/service.ts';
import { stopAll } from '../server/test/harness/stores.ts';
import { NOT_CAUSED } from '../server/test/monitoring/alert-faults.ts';
import { playAlerts, type Row } from '../server/test/monitoring/run.ts';
import { obtainPrometheus } from './monitoring/prometheus-binaries.ts';

const LIMIT_MS = 6 * 60_000;
const folder = path.join(import.meta.dir, '../deploy/prometheus');
const filesOf = (name: string) =>
  readdirSync(path.join(folder, name))
    .filter((file) => file.endsWith('.yml'))
    .map((file) => path.join(folder, name, file));

const args = process.argv.slice(2);
if (args.some((arg) => arg !== '--rules')) {
  console.error('npm run monitoring takes --rules and nothing else.');
  process.exit(2);
}
process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  const { prometheus, promtool } = await obtainPrometheus();
  const rules = filesOf('rules');
  for (const command of [
    ['check', 'rules', ...rules],
    ['test', 'rules', ...filesOf('tests')],
  ]) {
    const { status } = spawnSync(promtool, command, { stdio: 'inherit' });
    if (status !== 0) return 1;
  }
  if (args.includes('--rules')) return 0;

  const end = async (code: number, why: string) => {
    console.error(why);
    await stopServices();
    await stopAll();
    process.exit(code);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void end(130, `Ended by ${signal}; stopping what was started.`));
  const limit = setTimeout(() => void end(1, `Not done within ${LIMIT_MS / 1000} s.`), LIMIT_MS);
  const began = performance.now();
  const [file] = rules;
  const { rows, problems } = await playAlerts(prometheus, file as string, (line) => console.log(`· ${line}`));
  clearTimeout(limit);
  await stopAll();
  printTable(rows);
  for (const problem of problems) console.error(`problem: ${problem}`);
  const missed = rows.filter(({ seconds }) => seconds === undefined).length;
  console.log(
    `\n${rows.length - missed} of ${rows.length} alerts fired, ${problems.length} problems, ${Math.round((performance.now() - began) / 1000)} s`,
  );
  return missed + problems.length === 0 ? 0 : 1;
}

function printTable(rows: readonly Row[]): void {
  console.log('\n| Alert | Fires after | Fault |\n|---|---:|---|');
  for (const { alert, what, seconds } of rows)
    console.log(`| ${alert} | ${seconds === undefined ? 'never' : `${seconds.toFixed(1)} s`} | ${what} |`);
  for (const [alert, why] of Object.entries(NOT_CAUSED))
    console.log(`| ${alert} | — | ${why}: unit test only |`);
}

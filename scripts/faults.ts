// `npm run faults`: the fault suite (server/test/faults). Starts every server that it needs, breaks things under load,
// judges, and writes docs/faults.md.
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import path from 'node:path';
import { asMarkdown, failuresOf, type Run } from '../server/test/faults/report.ts';
import { HELP, playAll, readFaultOptions } from '../server/test/faults/run.ts';
import { seenVersions } from '../server/test/faults/stage.ts';
import { redisBinary, stopAll } from '../server/test/harness/stores.ts';

const root = path.join(import.meta.dir, '..');
const args = process.argv.slice(2);

process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  let options: ReturnType<typeof readFaultOptions>;
  try {
    options = readFaultOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options === 'help') {
    console.log(HELP);
    return 0;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      console.error(`Ended by ${signal}; stopping what was started.`);
      void stopAll().finally(() => process.exit(130));
    });
  }
  console.log(`HOLDFAST_FAULT_SEED=${options.seed}`);
  const redis = await redisBinary();
  const { played, seconds, elsewhere } = await playAll(options, (line) => console.log(line));
  const run: Run = {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
    versions: `Bun ${Bun.version}, ${redis.engine} ${redis.version}, PostgreSQL ${seenVersions.postgres}, durable; Redis appendfsync always unless a scenario says otherwise`,
    command: ['npm run faults', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    seed: options.seed,
    seconds,
    short: options.short,
    played,
    elsewhere,
  };
  if (options.report !== undefined) writeFileSync(path.resolve(root, options.report), asMarkdown(run));
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(run, replacer, 1));
  const broken = failuresOf(run);
  for (const sentence of broken) console.error(sentence);
  console.log(
    broken.length === 0
      ? `Every promise held, in ${Math.round(seconds)} s.`
      : `${broken.length} promises broke. The same visits again: npm run faults -- --seed ${options.seed}${options.only ? ` --only ${options.only.join(',')}` : ''}`,
  );
  return broken.length === 0 ? 0 : 1;
}

function replacer(_name: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

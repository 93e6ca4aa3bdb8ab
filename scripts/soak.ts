// `npm run soak`: the soak (server/test/soak). Starts every server that it needs, runs them under load and faults for a while, judges, and
// writes docs/soak.md after a full run in which everything held.
import { writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { type Stage, seenVersions } from '../server/test/faults/stage.ts';
import { stopServices } from '../server/test/harness/service.ts';
import { redisBinary, stopAll } from '../server/test/harness/stores.ts';
import { FULL_MINUTES, FULL_REPORT, HELP, readSoakOptions } from '../server/test/soak/options.ts';
import { asMarkdown, failuresOf, type SoakRun } from '../server/test/soak/report.ts';
import { Soak } from '../server/test/soak/soak.ts';

const root = path.join(import.meta.dir, '..');
const args = process.argv.slice(2);
let stage: Stage | undefined;

process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  let options: ReturnType<typeof readSoakOptions>;
  try {
    options = readSoakOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options === 'help') {
    console.log(HELP);
    return 0;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error(`Ended by ${signal}; stopping what was started.`);
      void stopEverything().finally(() => process.exit(130));
    });
  }
  console.log(`HOLDFAST_SOAK_SEED=${options.seed}`);
  const redis = await redisBinary();
  try {
    const result = await Soak.run(
      options,
      (line) => console.log(line),
      (opened) => {
        stage = opened;
      },
    );
    const run: SoakRun = {
      ...result,
      options,
      date: new Date().toISOString().slice(0, 16).replace('T', ' '),
      machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
      versions: `Bun ${Bun.version}, ${redis.engine} ${redis.version} (appendfsync always), PostgreSQL ${seenVersions.postgres} (durable); one service of two workers`,
      command: ['npm run soak', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    };
    return tell(run);
  } finally {
    await stopEverything();
  }
}

function tell(run: SoakRun): number {
  const { options } = run;
  const failures = failuresOf(run);
  const proves = failures.length === 0 && options.minutes >= FULL_MINUTES;
  const report = options.report ?? (proves ? FULL_REPORT : undefined);
  if (report !== undefined) writeFileSync(path.resolve(root, report), asMarkdown(run));
  else console.log(`\n${asMarkdown(run)}`);
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(run, replacer, 1));
  for (const failure of failures) console.error(failure);
  if (failures.length > 0) {
    const file = path.join(tmpdir(), `holdfast-soak-${options.seed}.log`);
    writeFileSync(file, run.logged);
    console.error(`What the service logged: ${file}`);
  }
  console.log(
    failures.length === 0
      ? `Everything held, in ${Math.round(run.seconds)} s.`
      : `${failures.length} things did not hold. The same faults again: npm run soak -- --minutes ${options.minutes} --seed ${options.seed}`,
  );
  return failures.length === 0 ? 0 : 1;
}

async function stopEverything(): Promise<void> {
  await stage?.close();
  await stopServices();
  await stopAll();
}

function replacer(name: string, value: unknown): unknown {
  if (name === 'logged') return undefined;
  return value instanceof Map ? Object.fromEntries(value) : value;
}

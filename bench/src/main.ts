// `npm run bench`: measures, checks, and says what came out.
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { stopServices } from '../../server/test/harness/service.ts';
import { redisBinary, stopAll } from '../../server/test/harness/stores.ts';
import { mediansOf, rowsOf } from './figures.ts';
import { HELP, type Options, readOptions } from './options.ts';
import { asHtml } from './report/html.ts';
import type { Report } from './report/report.ts';
import { asText } from './report/text.ts';
import { playRounds } from './run.ts';

process.exitCode = await main(process.argv.slice(2));
process.exit();

async function main(args: readonly string[]): Promise<number> {
  let options: Options | 'help';
  try {
    options = readOptions(args);
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
      void stopEverything().finally(() => process.exit(130));
    });
  }
  try {
    return await measure(options, args);
  } catch (error) {
    console.error(`This run has no result: ${(error as Error).message}`);
    return 1;
  } finally {
    await stopEverything();
  }
}

async function measure(options: Options, args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const redis = await redisBinary();
  console.log(`Seed ${options.seed}`);
  const { rounds, curve, failed } = await playRounds(options, (line) => console.log(line));
  if (failed.length > 0) {
    console.error(`\nThis run has no result.\n${failed.map((each) => `  ${each}`).join('\n')}`);
    return 1;
  }
  const report: Report = {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
    versions: `Bun ${Bun.version}, ${redis.engine} ${redis.version}, node ${nodeVersion()}`,
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    seed: options.seed,
    seconds: (performance.now() - startedMs) / 1_000,
    rounds,
    curve,
    rows: rowsOf(rounds),
    medians: mediansOf(rounds),
  };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 1)}\n`);
  if (options.html !== undefined) writeFileSync(options.html, asHtml(report));
  console.log(asText(report));
  return 0;
}

/** Of the one that the baselines run on, by npm's own word. */
function nodeVersion(): string {
  return /node\/v?([\d.]+)/.exec(process.env.npm_config_user_agent ?? '')?.[1] ?? 'as on the path';
}

async function stopEverything(): Promise<void> {
  await stopServices();
  await stopAll();
}

// The audit as a process of its own: `holdfast audit` starts it, as `holdfast serve` starts the service. It finds the
// ledger (DATABASE_URL; else the private PostgreSQL of the data folder, running or started for as long as this takes),
// does one thing, says what came of it, and leaves nothing running.
//
//   verify [--sale ID]… [--expect-head FILE] [--json]     head [--json]     forget --customer SUB [--operator NAME] [--json]
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { headsJson, headsWords, isVerified, parseHeads, reportJson, reportWords } from './audit-report.ts';
import { type Config, describeProblems, readConfig } from './config.ts';
import { hasDatabase, runningDatabaseUrl } from './embedded/running-postgres.ts';
import { DataFolderBusy, startEmbedded } from './embedded/start.ts';
import { Audit, type NotedHead } from './ledger/audit.ts';
import { listenForStopWords } from './processes/stop-words.ts';
import { withoutCredentials } from './telemetry/log.ts';

const EXIT = { ok: 0, found: 1, usage: 2, couldNotRun: 3, interrupted: 130 } as const;

class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Task = (audit: Audit) => Promise<{ readonly code: number; readonly text: string }>;

interface Ledger {
  readonly databaseUrl: string;
  /** Ends what was started to reach it. */
  readonly leave: () => Promise<void>;
}

const code = await main(process.argv.slice(2));
// What a pipe has not taken yet would be lost in the exit.
await new Promise((done) => process.stdout.write('', done));
process.exit(code);

async function main(args: readonly string[]): Promise<number> {
  let task: Task;
  try {
    task = readTask(args);
  } catch (error) {
    console.error(wordsOf(error));
    return EXIT.usage;
  }
  const read = readConfig();
  if (!read.ok) {
    console.error(describeProblems(read.problems));
    return EXIT.couldNotRun;
  }
  const words = listenForStopWords(read.config.parentFd);
  const ended = await Promise.race([perform(task, read.config, () => words.stopAsked), words.stop]);
  return ended ?? EXIT.interrupted;
}

async function perform(task: Task, config: Config, isStopped: () => boolean): Promise<number> {
  let ledger: Ledger | undefined;
  let audit: Audit | undefined;
  try {
    ledger = await findLedger(config);
    if (isStopped()) return EXIT.interrupted;
    audit = new Audit(ledger.databaseUrl, config.certificates.database);
    await audit.check();
    const { code: result, text } = await task(audit);
    console.log(text);
    return result;
  } catch (error) {
    console.error(error instanceof UsageError ? error.message : `The audit could not run: ${wordsOf(error)}`);
    return error instanceof UsageError ? EXIT.usage : EXIT.couldNotRun;
  } finally {
    await audit?.close();
    await ledger?.leave();
  }
}

async function findLedger({ databaseUrl, dataDir, cacheDir, redisFsync }: Config): Promise<Ledger> {
  if (databaseUrl !== null) return { databaseUrl, leave: async () => undefined };
  if (!hasDatabase(dataDir)) {
    throw new Error(
      `there is no ledger in ${dataDir}. Set DATABASE_URL or HOLDFAST_DATA_DIR to what the service has.`,
    );
  }
  try {
    const stores = await startEmbedded({
      dataDir,
      cacheDir,
      redisBin: null,
      redisFsync,
      startRedis: false,
      startPostgres: true,
      onProgress: (text) => console.error(text),
      onStoreExit: () => undefined,
      onFailed: (message) => console.error(message),
    });
    if (stores.databaseUrl === null) throw new Error('the private PostgreSQL gave no address');
    return { databaseUrl: stores.databaseUrl, leave: () => stores.stop() };
  } catch (error) {
    if (!(error instanceof DataFolderBusy)) throw error;
    // A service has the folder: its PostgreSQL is the ledger.
    const running = runningDatabaseUrl(dataDir);
    if (running !== null) return { databaseUrl: running, leave: async () => undefined };
    throw new Error(`${error.message} Its PostgreSQL is not running (yet): try again in a moment.`);
  }
}

/** @throws if the arguments make no sense */
function readTask([command, ...args]: readonly string[]): Task {
  switch (command) {
    case 'verify':
      return verifyTask(args);
    case 'head':
      return headTask(args);
    case 'forget':
      return forgetTask(args);
    default:
      throw new UsageError('Tell what to do: verify, head or forget.');
  }
}

function verifyTask(args: readonly string[]): Task {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      sale: { type: 'string', multiple: true, default: [] },
      'expect-head': { type: 'string' },
    },
  });
  const noted = readHeads(values['expect-head']);
  return async (audit) => {
    const beganAtMs = performance.now();
    const only = values.sale.length === 0 ? null : await numbersOf(audit, values.sale);
    const report = await audit.verify(only, noted);
    const seconds = (performance.now() - beganAtMs) / 1000;
    const text = values.json ? reportJson(report, seconds) : reportWords(report, seconds);
    return { code: isVerified(report) ? EXIT.ok : EXIT.found, text };
  };
}

function headTask(args: readonly string[]): Task {
  const { values } = parseArgs({ args: [...args], options: { json: { type: 'boolean', default: false } } });
  return async (audit) => {
    const write = values.json ? headsJson : headsWords;
    return { code: EXIT.ok, text: write(await audit.heads(), await audit.sales(), Date.now()) };
  };
}

function forgetTask(args: readonly string[]): Task {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      customer: { type: 'string' },
      operator: { type: 'string', default: userName() },
    },
  });
  const { customer, operator, json } = values;
  if (!customer || customer.includes('\0')) throw new UsageError('forget needs --customer.');
  if (!operator) throw new UsageError('--operator must be a name.');
  return async (audit) => {
    const forgotten = await audit.forget(customer, operator);
    const words = forgotten
      ? 'Forgotten: the ledger no longer knows who this customer was; the journal keeps the pseudonym.'
      : 'The ledger does not know this customer: there was nothing to forget.';
    return { code: forgotten ? EXIT.ok : EXIT.found, text: json ? JSON.stringify({ forgotten }) : words };
  };
}

function readHeads(file: string | undefined): NotedHead[] {
  if (file === undefined) return [];
  try {
    return parseHeads(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--expect-head ${file}: ${wordsOf(error)}.`);
  }
}

async function numbersOf(audit: Audit, ids: readonly string[]): Promise<number[]> {
  const known = new Map([...(await audit.sales())].map(([number, id]) => [id, number]));
  return ids.map((id) => {
    const number = known.get(id);
    if (number === undefined || id === '') throw new UsageError(`There is no sale ${JSON.stringify(id)}.`);
    return number;
  });
}

/** Who runs this, as the system knows them: for the journal, where nobody is named. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? ''}`.trim(); // a container may have no entry for its user
  }
}

function wordsOf(error: unknown): string {
  return withoutCredentials(error instanceof Error ? error.message : String(error));
}

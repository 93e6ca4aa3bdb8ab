// The migration as a process of its own: `holdfast migrate` starts it, as `holdfast serve` starts the service. For ledgers that
// one role owns and another uses: it is given the owner's DATABASE_URL, which the service then never sees.
//
//   [--service-role NAME]
import { parseArgs } from 'node:util';
import { describeProblems, readConfig } from './config.ts';
import { type MigrateOptions, migrate } from './ledger/migrate.ts';
import { listenForStopWords } from './processes/stop-words.ts';
import { withoutCredentials } from './telemetry/log.ts';

const EXIT = { ok: 0, usage: 2, couldNotRun: 3, interrupted: 130 } as const;

const code = await main(process.argv.slice(2));
// What a pipe has not taken yet would be lost in the exit.
await new Promise((done) => process.stdout.write('', done));
process.exit(code);

async function main(args: readonly string[]): Promise<number> {
  let role: string | undefined;
  try {
    const { values } = parseArgs({ args: [...args], options: { 'service-role': { type: 'string' } } });
    role = values['service-role'];
  } catch (error) {
    console.error(wordsOf(error));
    return EXIT.usage;
  }
  const read = readConfig();
  if (!read.ok) {
    console.error(describeProblems(read.problems));
    return EXIT.couldNotRun;
  }
  const { databaseUrl, certificates, parentFd } = read.config;
  if (databaseUrl === null) {
    console.error(
      'DATABASE_URL is not set: name the ledger and its owner. The private PostgreSQL of `npm start` is migrated by the service.',
    );
    return EXIT.couldNotRun;
  }
  // A migration that is cut off is rolled back.
  const words = listenForStopWords(parentFd);
  const ended = await Promise.race([
    perform(databaseUrl, {
      certificates: certificates.database,
      ...(role !== undefined && { serviceRole: role }),
    }),
    words.stop,
  ]);
  return ended ?? EXIT.interrupted;
}

async function perform(databaseUrl: string, options: MigrateOptions): Promise<number> {
  try {
    const { applied } = await migrate(databaseUrl, options);
    for (const name of applied) console.log(`applied ${name}`);
    if (applied.length === 0) console.log('The ledger is up to date.');
    const { serviceRole: role } = options;
    if (role !== undefined) console.log(`The role ${role} has the rights of the service, and no others.`);
    return EXIT.ok;
  } catch (error) {
    console.error(`The ledger could not be migrated: ${wordsOf(error)}`);
    return EXIT.couldNotRun;
  }
}

function wordsOf(error: unknown): string {
  return withoutCredentials(error instanceof Error ? error.message : String(error));
}

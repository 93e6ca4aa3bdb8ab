// `holdfast migrate`: brings a ledger up to date as its owner, and grants the service's role what it needs. The work is done by a
// process of the server's, which knows the ledger.
import { fileURLToPath } from 'node:url';
import { ledgerEnvironment } from './audit.ts';
import { type Command, readOptions, UsageError } from './command.ts';
import { startServer } from './server-process.ts';

const MIGRATE_ENTRY = fileURLToPath(new URL('../../server/src/migrate-main.ts', import.meta.url));

const HELP = `Usage: holdfast migrate [--service-role NAME]

Applies the migrations that the ledger at DATABASE_URL lacks, as the role that DATABASE_URL names: its owner.
Again is safe, also while services run.

  --service-role NAME   grant this role, which is there already, what the service needs and nothing else:
                        it can neither change nor remove what is journaled, sold or ordered, nor make or
                        drop anything. Start the service with a DATABASE_URL of that role. Later migrations
                        grant it again by themselves.

Without it one role may do both: the service then migrates at its start, and this command is not needed.
Exit code 2: not understood; 3: could not run.`;

export const migrate: Command = {
  name: 'migrate',
  summary: "Migrate the ledger as its owner; grant the service's role",
  help: HELP,
  run: async (args, { env, signal }) => {
    const role = readOptions(args, { 'service-role': { type: 'string' } })['service-role'];
    if (role === '') throw new UsageError('--service-role must be a name.');
    const named = role === undefined ? [] : [`--service-role=${role}`];
    const process = startServer(ledgerEnvironment(env), named, MIGRATE_ENTRY);
    const stop = () => void process.stop();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    return process.exited;
  },
};

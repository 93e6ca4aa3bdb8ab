// `holdfast audit`: holds the journal against its seals, and forgets customers. The work is done by a process of the
// server's, which knows the ledger; here are the words, and what of the environment that process is told.
import { fileURLToPath } from 'node:url';
import { type Command, readOptions, UsageError } from './command.ts';
import { type ServerEnv, startServer } from './server-process.ts';

const AUDIT_ENTRY = fileURLToPath(new URL('../../server/src/audit-main.ts', import.meta.url));

const HELP = `Usage: holdfast audit verify [--sale ID]… [--expect-head FILE] [--json]
       holdfast audit head [--json]
       holdfast audit forget --customer ID [--operator NAME] [--json]

verify   Holds every row of the journal against the seals made of it, and stock, orders and register
         against the journal. Exit code 0: all is as it was; 1: something was changed, and what.
head     Prints the ends of the journal's chains. Keep them where whoever can change the ledger cannot:
         verify --expect-head FILE then finds a chain that was cut short or made anew.
forget   Erases which customer the journal's pseudonym stands for. The journal stays, and verifies.

  --sale ID           only this sale; may be given again
  --expect-head FILE  what head printed then
  --customer ID       the customer's id in access tokens (their sub)
  --operator NAME     who forgets, for the journal (default: the system's user)
  --json              the result as JSON

The ledger is DATABASE_URL, else the private PostgreSQL of HOLDFAST_DATA_DIR (default .holdfast), whether
the service runs or not. Exit code 2: not understood; 3: could not run.`;

const JSON_OPTION = { json: { type: 'boolean' } } as const;
const OPTIONS = {
  verify: { ...JSON_OPTION, sale: { type: 'string', multiple: true }, 'expect-head': { type: 'string' } },
  head: JSON_OPTION,
  forget: { ...JSON_OPTION, customer: { type: 'string' }, operator: { type: 'string' } },
} as const;

export const audit: Command = {
  name: 'audit',
  summary: 'Verify the sealed journal; forget a customer',
  help: HELP,
  run: async ([task, ...args], { env, signal }) => {
    if (task !== 'verify' && task !== 'head' && task !== 'forget') {
      throw new UsageError('Tell what to do: verify, head or forget.');
    }
    if (task === 'forget') {
      if (!readOptions(args, OPTIONS.forget).customer) throw new UsageError('forget needs --customer.');
    } else {
      readOptions(args, OPTIONS[task]);
    }
    const process = startServer(ledgerEnvironment(env), [task, ...args], AUDIT_ENTRY);
    const stop = () => void process.stop();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    return process.exited;
  },
};

/** The variables that say where the ledger is. What the service's others hold is no concern of an audit. */
const LEDGER_VARIABLES = new Set([
  'DATABASE_URL',
  'HOLDFAST_DATABASE_CA_FILE',
  'HOLDFAST_DATABASE_CERT_FILE',
  'HOLDFAST_DATABASE_KEY_FILE',
  'HOLDFAST_DATA_DIR',
  'HOLDFAST_CACHE_DIR',
  'HOLDFAST_BUN_BIN',
]);
const SERVICE_VARIABLE = /^(?:HOLDFAST_(?!TEST_)\w+|NODE_ENV|PORT|HOST|REDIS_URL)$/;

export function ledgerEnvironment(env: ServerEnv): ServerEnv {
  const told = Object.entries(env).filter(
    ([name]) => LEDGER_VARIABLES.has(name) || !SERVICE_VARIABLE.test(name),
  );
  return Object.fromEntries(told);
}

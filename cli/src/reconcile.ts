// `holdfast reconcile`: asks the service to hold its ledger and its Redis against themselves and each other now, and says
// what came of it. The service does the work, and the repairs; it also does both by itself all the time.
import { HoldfastClient, HoldfastError } from '@holdfast/client';
import type { Difference, ReconcileReport, SaleReport } from '@holdfast/contract/reconcile';
import { findSecret, mintToken, OPERATOR_SCOPE, secretFile, signerOf } from './access-token.ts';
import { type Command, httpUrl, readOptions, type Terminal, UsageError } from './command.ts';
import { EXIT } from './exit-codes.ts';

const HELP = `Usage: holdfast reconcile [--url URL] [--operator-token T] [--sale ID] [--json]

Asks the service whether everything adds up: stock, orders and journal in the ledger, live reservations
and counters in Redis, and the two with each other. What Redis has wrong is loaded anew from the ledger;
what is wrong in the ledger is told and left alone. docs/reconcile.md says what each finding means.

  --url URL            the service (default: http://127.0.0.1 and PORT, or 8080)
  --operator-token T   default: signed with HOLDFAST_JWT_SECRET, or the secret in HOLDFAST_DATA_DIR
                       (default .holdfast)
  --sale ID            only this sale
  --json               the report as JSON

Exit code 0: everything adds up; 1: differences were found, repaired or not; 2: not understood;
3: could not run.`;

const DEFAULT_PORT = '8080';
/** Who asks, where nobody is named. */
const OPERATOR = 'operator';
const SALE_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;
/** Of one sale; past these the number says enough. */
const DIFFERENCES_SHOWN = 50;

export const reconcile: Command = {
  name: 'reconcile',
  summary: 'Check that Redis and the ledger add up, and repair Redis',
  help: HELP,
  run: async (args, terminal) => {
    const options = readOptions(args, {
      url: { type: 'string' },
      'operator-token': { type: 'string' },
      sale: { type: 'string' },
      json: { type: 'boolean' },
    });
    const { sale } = options;
    if (sale !== undefined && !SALE_ID.test(sale)) throw new UsageError('--sale must be the id of a sale.');
    const { env, err, out, signal } = terminal;
    const url = httpUrl('url', options.url ?? defaultUrl(env));
    const token = options['operator-token'] ?? mintedToken(env);
    if (token === undefined) {
      err(
        `There is no secret to sign a token with: HOLDFAST_JWT_SECRET is not set and ${secretFile(env)} does not exist.\n` +
          'Pass --operator-token, or set HOLDFAST_JWT_SECRET or HOLDFAST_DATA_DIR to what the service has.\n',
      );
      return EXIT.couldNotRun;
    }
    const client = new HoldfastClient({ baseUrl: url, token, signal });
    const report = await ask(client, url, sale, terminal);
    if (typeof report === 'number') return report;
    out(options.json ? `${JSON.stringify(report, null, 2)}\n` : reportWords(report));
    return report.sales.some(({ differences }) => differences.length > 0) ? EXIT.failed : EXIT.ok;
  },
};

/** The report, or the exit code where there is none. */
async function ask(
  client: HoldfastClient,
  url: string,
  sale: string | undefined,
  { err, signal }: Terminal,
): Promise<ReconcileReport | number> {
  try {
    return await client.reconcile(sale === undefined ? {} : { saleId: sale });
  } catch (error) {
    if (signal.aborted || !(error instanceof HoldfastError)) throw error;
    if (error.code === 'unknown-sale') throw new UsageError(`There is no sale "${sale}" at ${url}.`);
    err(`${url} did not reconcile: ${error.message}\n`);
    return EXIT.couldNotRun;
  }
}

type Env = Terminal['env'];

function defaultUrl({ PORT }: Env): string {
  return `http://127.0.0.1:${PORT === undefined || PORT === '' || PORT === '0' ? DEFAULT_PORT : PORT}`;
}

function mintedToken(env: Env): string | undefined {
  const secret = findSecret(env);
  return secret === undefined ? undefined : mintToken(signerOf(secret, env), OPERATOR, OPERATOR_SCOPE);
}

function reportWords({ ran_at, sales }: ReconcileReport): string {
  const found = sales.flatMap(({ differences }) => differences);
  const repaired = found.filter((one) => one.repaired).length;
  const lines = sales.flatMap(saleWords);
  if (sales.length === 0) lines.push('There is no sale to look at.');
  const verdict =
    found.length === 0
      ? 'Everything that was looked at adds up'
      : `${count(found.length, 'difference')} found: ${repaired} repaired, ${found.length - repaired} not`;
  lines.push(`${verdict} (${ran_at}).`);
  if (found.length > repaired) lines.push('docs/reconcile.md says what each means and what to do.');
  return `${lines.join('\n')}\n`;
}

function saleWords({ sale_id, complete, checked, differences }: SaleReport): string[] {
  const { items, records, customers, transitions, seals } = checked;
  const looked = [
    count(items, 'item'),
    count(records, 'reservation'),
    count(customers, "customer's counter"),
    count(transitions, 'transition'),
    count(seals, 'seal'),
  ].join(', ');
  const verdict = differences.length === 0 ? 'adds up' : count(differences.length, 'difference');
  const rest = complete ? '' : '; not everything could be looked at just now';
  const left = differences.length - DIFFERENCES_SHOWN;
  return [
    `${sale_id}: ${verdict} (${looked}${rest})`,
    ...differences.slice(0, DIFFERENCES_SHOWN).map(differenceWords),
    ...(left > 0 ? [`  … and ${left} more`] : []),
  ];
}

function differenceWords({ invariant, sku, reservation_id, detail, repaired }: Difference): string {
  const about = [sku, reservation_id].filter((name) => name !== undefined).join(' ');
  return `  ${repaired ? 'repaired' : 'OPEN    '}  ${invariant} ${about === '' ? '' : `${about}: `}${detail}`;
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;
}

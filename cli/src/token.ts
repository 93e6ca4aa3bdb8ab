// `holdfast token`: prints an access token, and nothing else, so that it can stand in $(…).
import { HoldfastClient, HoldfastError } from '@holdfast/client';
import { findSecret, mintToken, OPERATOR_SCOPE, secretFile, signerOf } from './access-token.ts';
import { type Command, httpUrl, readOptions, type Terminal, UsageError } from './command.ts';
import { EXIT } from './exit-codes.ts';

const HELP = `Usage: holdfast token [--customer ID | --operator] [--url URL]

Prints an access token, good for 15 minutes, signed with HOLDFAST_JWT_SECRET or the secret that a
service made in its data folder (HOLDFAST_DATA_DIR, default .holdfast).

  --customer ID   the customer it is for (default: demo-customer)
  --operator      for an operator; with --customer, that is the operator's name
  --url URL       ask the service there instead of signing: for trials, customers only

  curl -H "Authorization: Bearer $(npx holdfast token --operator)" …`;

const DEFAULT_CUSTOMER = 'demo-customer';
const DEFAULT_OPERATOR = 'operator';
/** The contract's customer ids: 1–128 printable ASCII characters without braces. */
const CUSTOMER = /^[\x20-\x7a|\x7e]{1,128}$/;

export const token: Command = {
  name: 'token',
  summary: 'Print an access token for a customer or an operator',
  help: HELP,
  run: async (args, terminal) => {
    const options = readOptions(args, {
      customer: { type: 'string' },
      operator: { type: 'boolean' },
      url: { type: 'string' },
    });
    if (options.customer !== undefined && !CUSTOMER.test(options.customer)) {
      throw new UsageError('--customer must be 1 to 128 printable characters without braces.');
    }
    if (options.url === undefined) return mint(options.customer, options.operator === true, terminal);
    if (options.operator) {
      throw new UsageError(
        '--url asks the built-in issuer, which makes no operators. Leave out --url to sign here.',
      );
    }
    return ask(httpUrl('url', options.url), options.customer ?? DEFAULT_CUSTOMER, terminal);
  },
};

function mint(customer: string | undefined, operator: boolean, { env, out, err }: Terminal): number {
  const secret = findSecret(env);
  if (secret === undefined) {
    err(
      `There is no secret to sign with: HOLDFAST_JWT_SECRET is not set and ${secretFile(env)} does not exist.\n` +
        'Start the service once in this folder, or set HOLDFAST_JWT_SECRET or HOLDFAST_DATA_DIR to the ones it has.\n',
    );
    return EXIT.failed;
  }
  const subject = customer ?? (operator ? DEFAULT_OPERATOR : DEFAULT_CUSTOMER);
  out(`${mintToken(signerOf(secret, env), subject, operator ? OPERATOR_SCOPE : undefined)}\n`);
  return EXIT.ok;
}

async function ask(url: string, customer: string, { out, err, signal }: Terminal): Promise<number> {
  try {
    const { access_token } = await new HoldfastClient({ baseUrl: url, signal }).token(customer);
    out(`${access_token}\n`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    err(`${url} gave no token: ${error.message}\n`);
    return EXIT.failed;
  }
}

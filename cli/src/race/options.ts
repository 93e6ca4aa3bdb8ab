// What a race can be told on the command line, checked, with its bounds and their reasons.
import { httpUrl, readOptions, UsageError, wholeNumber } from '../command.ts';

export const RACE_HELP = `Usage: holdfast race [--shoppers N] [--units M] [options]

Shoppers race for a few units of a throwaway item, over real HTTP: they reserve, send the same key
again, pay, pay twice, change their minds, vanish. Then the ledger and everything the shoppers were
told are checked against each other. Without --url it runs on a service and stores of its own.

  --shoppers N          how many (default 200, at most 20000)
  --units M             how many units there are (default 1)
  --seed N              who does what; the same seed makes the same plans (default: random)
  --ttl-seconds S       how long a reservation lives (default 2)
  --concurrency C       requests at once (default and at most 256)
  --sku SKU             name of the item (default: made up)
  --url URL             race on the service there, in a sale that is closed afterwards
  --operator-token T    needed with --url: holdfast token --operator
  --json                print the verdict as one JSON document

Exit code: 0 all promises held, 1 one broke, 2 usage, 3 the race could not run.`;

export interface RaceOptions {
  readonly shoppers: number;
  readonly units: number;
  readonly seed: number;
  readonly ttlSeconds: number;
  readonly concurrency: number;
  /** Undefined = made up. */
  readonly sku: string | undefined;
  /** Undefined = a service of its own. */
  readonly target: { readonly url: string; readonly operatorToken: string } | undefined;
  readonly json: boolean;
}

/** Each shopper is a promise, a token and a few hundred bytes of history a request. */
const MAX_SHOPPERS = 20_000;
const MAX_UNITS = 1_000_000;
const MAX_SEED = 2 ** 32 - 1;
/** The race waits for reservations to run out; longer than this nobody does. */
const MAX_TTL_SECONDS = 600;
export const DEFAULT_TTL_SECONDS = 2;
/** Bun keeps at most so many connections open at once; more requests would queue unseen inside it. */
export const MAX_CONCURRENCY = 256;
const SKU = /^(?!reserve$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @throws UsageError */
export function readRaceOptions(args: readonly string[]): RaceOptions {
  const text = { type: 'string' } as const;
  const options = readOptions(args, {
    shoppers: { ...text, default: '200' },
    units: { ...text, default: '1' },
    seed: text,
    'ttl-seconds': { ...text, default: String(DEFAULT_TTL_SECONDS) },
    concurrency: { ...text, default: String(MAX_CONCURRENCY) },
    sku: text,
    url: text,
    'operator-token': text,
    json: { type: 'boolean', default: false },
  });
  if (options.sku !== undefined && !SKU.test(options.sku)) {
    throw new UsageError('--sku must be 1 to 64 letters, digits, ".", "_" or "-", and not "reserve".');
  }
  return {
    shoppers: wholeNumber('shoppers', options.shoppers, 1, MAX_SHOPPERS),
    units: wholeNumber('units', options.units, 1, MAX_UNITS),
    seed: options.seed === undefined ? randomSeed() : wholeNumber('seed', options.seed, 0, MAX_SEED),
    ttlSeconds: wholeNumber('ttl-seconds', options['ttl-seconds'], 1, MAX_TTL_SECONDS),
    concurrency: wholeNumber('concurrency', options.concurrency, 1, MAX_CONCURRENCY),
    sku: options.sku,
    target: readTarget(options.url, options['operator-token']),
    json: options.json,
  };
}

function readTarget(url: string | undefined, operatorToken: string | undefined): RaceOptions['target'] {
  if (url === undefined) {
    if (operatorToken !== undefined) throw new UsageError('--operator-token goes with --url.');
    return undefined;
  }
  if (operatorToken === undefined) {
    throw new UsageError(
      '--url needs --operator-token, to make the sale: holdfast token --operator prints one.',
    );
  }
  return { url: httpUrl('url', url), operatorToken };
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

/** The command line that makes the same plans again. */
export function rerunCommand(options: RaceOptions): string {
  const words = ['npx holdfast race', `--shoppers ${options.shoppers}`, `--units ${options.units}`];
  if (options.ttlSeconds !== DEFAULT_TTL_SECONDS) words.push(`--ttl-seconds ${options.ttlSeconds}`);
  if (options.concurrency !== MAX_CONCURRENCY) words.push(`--concurrency ${options.concurrency}`);
  if (options.target !== undefined) words.push(`--url ${options.target.url} --operator-token …`);
  return `${words.join(' ')} --seed ${options.seed}`;
}

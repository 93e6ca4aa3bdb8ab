// `holdfast race`: shoppers race for the last units through real HTTP, then the ledger and everything they were
// told are held against each other.
import { randomBytes } from 'node:crypto';
import { type HoldfastClient, HoldfastError } from '@holdfast/client';
import { History } from '@holdfast/client/history';
import { storiesOf } from '@holdfast/client/stories';
import type { Command, Terminal } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { ServerFailed } from '../server-process.ts';
import { readAftermath } from './aftermath.ts';
import { figuresOf } from './figures.ts';
import { Gate } from './gate.ts';
import { RACE_HELP, type RaceOptions, readRaceOptions } from './options.ts';
import { makePlans, type ShopperPlan } from './plans.ts';
import { Progress } from './progress.ts';
import { asJson, asText, count, type RaceResult } from './report.ts';
import { shop } from './shopper.ts';
import { CouldNotRun, givenVenue, ownVenue, tokensFor, type Venue } from './venue.ts';
import { judge } from './verdict.ts';

export const race: Command = {
  name: 'race',
  summary: 'Let shoppers race for the last units, and check every promise',
  help: RACE_HELP,
  run: async (args, terminal) => {
    const options = readRaceOptions(args);
    try {
      const result = await runRace(options, terminal);
      terminal.out(options.json ? asJson(result) : asText(result));
      return result.verdict.held ? EXIT.ok : EXIT.failed;
    } catch (error) {
      if (terminal.signal.aborted) return EXIT.interrupted;
      if (!(error instanceof CouldNotRun || error instanceof ServerFailed)) throw error;
      terminal.err(`The race could not run. ${error.message}\n`);
      return EXIT.couldNotRun;
    }
  },
};

/** Shoppers go home after this: several TTLs, for units that vanish with one holder after another. */
const PATIENCE_TTLS = 4;
const PATIENCE_MS = 15_000;

async function runRace(options: RaceOptions, terminal: Terminal): Promise<RaceResult> {
  const { target } = options;
  if (target === undefined) terminal.err('Starting a service of its own.\n');
  const venue =
    target === undefined
      ? await ownVenue(terminal.env, terminal.signal)
      : givenVenue(target.url, target.operatorToken, terminal.signal);
  try {
    const sale = await openSale(venue, options);
    try {
      return await raceIn(sale, venue, options, terminal);
    } finally {
      // A sale that could not be closed is in nobody's way: its name is made up and it ends with its service.
      await venue.operator.closeSale(sale.saleId).catch(() => undefined);
    }
  } finally {
    await venue.close();
  }
}

interface Sale {
  readonly saleId: string;
  readonly sku: string;
}

async function openSale(venue: Venue, { sku, units, ttlSeconds }: RaceOptions): Promise<Sale> {
  const name = `race-${randomBytes(6).toString('hex')}`;
  const sale: Sale = { saleId: name, sku: sku ?? name.toUpperCase() };
  try {
    await venue.operator.createSale({
      id: sale.saleId,
      name: 'A race',
      reservation_ttl_seconds: ttlSeconds,
      items: [{ sku: sale.sku, name: 'The last ones', stock: units }],
    });
    return sale;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new CouldNotRun(`The sale could not be made: ${error.message} (${error.code})`);
  }
}

async function raceIn(
  sale: Sale,
  venue: Venue,
  options: RaceOptions,
  terminal: Terminal,
): Promise<RaceResult> {
  const { signal } = terminal;
  const gate = new Gate(options.concurrency);
  const history = new History();
  const plans = makePlans(options.shoppers, options.ttlSeconds, options.seed);
  const tokens = await tokensFor(
    venue,
    plans.map((plan) => plan.name),
    gate,
  );
  const field = plans.filter((plan) => tokens.has(plan.name));
  const clientOf = (shopper: string) => {
    const token = tokens.get(shopper);
    if (token === undefined) throw new Error(`${shopper} has no token and takes no part`);
    return venue.visitor.as({ token });
  };

  terminal.err(
    `${count(field.length, 'shopper')} race for ${count(options.units, 'unit')} of ${sale.sku} at ${venue.url}, seed ${options.seed}.\n`,
  );
  const startedAtMs = performance.now();
  const closesAtMs = startedAtMs + PATIENCE_TTLS * options.ttlSeconds * 1000 + PATIENCE_MS;
  const home = { count: 0 };
  const progress = new Progress(terminal, () => describe(history, home.count, field.length));
  try {
    const track = { sku: sale.sku, ttlSeconds: options.ttlSeconds, gate, closesAtMs, signal };
    await everyone(field, async (plan) => {
      await shop(plan, observed(clientOf(plan.name), history, plan), track);
      home.count += 1;
    });
    const stories = storiesOf(history);
    const parts = { ...sale, stories, clientOf, visitor: venue.visitor, gate, signal };
    const aftermath = await readAftermath(parts);
    const verdict = judge({ sku: sale.sku, units: options.units, history, stories, aftermath });
    const durationMs = performance.now() - startedAtMs;
    const figures = figuresOf(history);
    return {
      options,
      url: venue.url,
      ...sale,
      shoppers: field.length,
      durationMs,
      verdict,
      figures,
      aftermath,
    };
  } finally {
    progress.stop();
  }
}

function observed(client: HoldfastClient, history: History, plan: ShopperPlan): HoldfastClient {
  return client.as({ observe: history.observerOf(plan.name) });
}

/** Waits for all of them, also when one fails: nobody is left running behind the race's back. */
async function everyone(
  plans: readonly ShopperPlan[],
  play: (plan: ShopperPlan) => Promise<void>,
): Promise<void> {
  const ends = await Promise.allSettled(plans.map(play));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

function describe(history: History, home: number, shoppers: number): string {
  const state =
    home < shoppers ? `${home} of ${shoppers} shoppers done` : 'Waiting for the last reservations to end';
  return `${state}, ${history.exchanges.length} requests`;
}

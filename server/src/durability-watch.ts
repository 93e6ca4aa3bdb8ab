// Are the stores' settings such that the promises hold? Asked at the start, where production refuses to go on without, and
// every half minute after, because settings change while servers run. What is wrong stands in /readyz, in words.
import { ConfigurationError } from './config.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { StoreConnection } from './stock/connect.ts';
import { storeFindings } from './stock/durability.ts';
import type { Log } from './telemetry/log.ts';
import { Periodic, type Worker } from './workers/periodic.ts';

const WATCH_EVERY_MS = 30_000;

export interface DurabilityWatch extends Worker {
  /** What could lose reservations or orders; empty when nothing could. */
  readonly risks: readonly string[];
}

/** @throws ConfigurationError in production, if anything could be lost */
export async function watchDurability(
  ledger: Pick<Ledger, 'durabilityRisks'>,
  redis: StoreConnection,
  production: boolean,
  log: Log,
): Promise<DurabilityWatch> {
  let advised: ReadonlySet<string> = new Set();
  const look = async () => {
    const [ledgerRisks, stock] = await Promise.all([ledger.durabilityRisks(), storeFindings(redis)]);
    for (const advice of stock.advice.filter((one) => !advised.has(one)))
      log.warn({ advice }, 'a store could be safer');
    advised = new Set(stock.advice);
    return { ledgerRisks, stockRisks: stock.risks };
  };
  const { ledgerRisks, stockRisks } = await look();
  if (production && ledgerRisks.length + stockRisks.length > 0) {
    const problem = (variable: string) => (risk: string) => ({
      variable,
      problem: `names a server that may lose what it acknowledged: ${risk}`,
      fix: 'change its settings, then start again',
    });
    throw new ConfigurationError([
      ...ledgerRisks.map(problem('DATABASE_URL')),
      ...stockRisks.map(problem('REDIS_URL')),
    ]);
  }
  let risks: readonly string[] = [...ledgerRisks, ...stockRisks];
  for (const risk of risks) log.warn({ risk }, 'a store may lose what it acknowledged');
  const periodic = new Periodic({
    name: 'durability-watch',
    everyMs: WATCH_EVERY_MS,
    log,
    run: async () => {
      const now = await look();
      risks = [...now.ledgerRisks, ...now.stockRisks];
    },
  });
  return {
    get risks() {
      return risks;
    },
    name: periodic.name,
    get health() {
      return periodic.health;
    },
    start: () => periodic.start(),
    stop: () => periodic.stop(),
  };
}

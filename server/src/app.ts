// The service, wired by hand; read it top to bottom. Nothing here decides anything: it makes the rooms and hands
// each what it needs. `createApp` resolves once the stores answer, are the right ones, and every sale it could open is.

import { DEFAULT_POINTS, MAX_POINTS } from '@holdfast/contract/analytics';
import type { ResolvedConfig } from './config.ts';
import { Ids } from './domain/ids.ts';
import type { Upgrade } from './domain/live-socket.ts';
import { REDIS_COMMAND_MS } from './domain/time-budgets.ts';
import { type DurabilityWatch, watchDurability } from './durability-watch.ts';
import { createGuards } from './guards.ts';
import { createHttp } from './http/http.ts';
import { Catalog } from './ledger/catalog.ts';
import { behindBreaker, tellingBreaker, timed } from './ledger/guarded.ts';
import { Ledger } from './ledger/ledger.ts';
import { migrate } from './ledger/migrate.ts';
import { createLive } from './live.ts';
import { measureBatches, measureGate, measureRequests, measureStores } from './measures.ts';
import { Attempts } from './reservations/attempts.ts';
import { Desk } from './reservations/desk.ts';
import { LineageGate } from './reservations/gate.ts';
import { JournalReach } from './reservations/journal-reach.ts';
import { OperatorDesk } from './reservations/operator-desk.ts';
import { Reconciler } from './reservations/reconciler.ts';
import { Relay } from './reservations/relay.ts';
import { SaleAnalytics } from './sales/analytics.ts';
import { seedDemo } from './sales/demo.ts';
import { SalesDesk } from './sales/sales-desk.ts';
import { readStatus } from './status-reading.ts';
import { connectRedis, untilConnected } from './stock/connect.ts';
import { GeneralLimits } from './stock/general-limits.ts';
import { Hints } from './stock/hints.ts';
import { HotPath } from './stock/hot-path.ts';
import { loadLibrary } from './stock/library.ts';
import { SaleChannels } from './stock/sale-channel.ts';
import { readStock } from './stock-reading.ts';
import type { Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { Repeats } from './telemetry/repeats.ts';
import { startWorkers } from './workers/all.ts';

/** How long the start waits for Redis to take commands. */
const CONNECT_WAIT_MS = 10_000;
const ID_SECRET_BYTES = 32;
/** What the reconciler does about what it finds. */
const REPAIRS = ['rebuild', 'expire'] as const;

export interface AppSetup {
  readonly config: ResolvedConfig;
  /** The stores are this service's own children: one that is gone has surely exited. */
  readonly storesArePrivate: boolean;
  readonly seedDemo: boolean;
  /** Bring the ledger's schema up to date first. */
  readonly prepare: boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface App {
  /** The answer to a request that is turned away unread because too many wait; undefined for all others. */
  turnAway(request: Request): Response | undefined;
  /** Answers every request and never rejects. */
  fetch(request: Request, peerAddress: string, upgrade?: Upgrade): Promise<Response>;
  /** Ends what is live: how many watched. Again is safe. */
  endLive(): { readonly sockets: number; readonly streams: number };
  /** Readiness fails from now on. */
  beginDrain(): void;
  /** Stops the workers, then the connections: what was written to the journal since `beginDrain`. Again is safe. */
  stop(): Promise<{ readonly transitionsJournaled: number }>;
}

/** @throws if a store does not answer, or is one that this service must not use; then nothing is left running. */
export async function createApp(setup: AppSetup): Promise<App> {
  const { config, storesArePrivate, log, metrics } = setup;
  const { ratesPerMinute: rates } = config;

  // The stores
  const { certificates } = config;
  if (setup.prepare) await migrate(config.databaseUrl, { certificates: certificates.database });
  const { retries, ...breakers } = createGuards(metrics, log);
  const ledger = new Ledger({
    databaseUrl: config.databaseUrl,
    certificates: certificates.database,
    retries,
  });
  const redisErrors = new Repeats();
  const toldOfRedis = (message: string) => {
    if (redisErrors.isNews(message)) log.warn({ error: message }, 'Redis connection');
  };
  const redis = connectRedis(config.redisUrl, toldOfRedis, certificates.redis);
  const disconnect = async () => {
    redis.disconnect();
    await ledger.close();
  };
  let idSecret: Uint8Array;
  let durability: DurabilityWatch;
  try {
    await ledger.check();
    await untilConnected(redis, CONNECT_WAIT_MS);
    await loadLibrary(redis);
    idSecret = await ledger.secret('ids', ID_SECRET_BYTES);
    durability = await watchDurability(ledger, redis, config.production, log);
  } catch (error) {
    await disconnect();
    throw error;
  }

  // What the verbs stand on. Customers are refused at once while a store is silent; workers and leases go on trying.
  const storeTimes = measureStores(metrics);
  const timedLedger = timed(ledger, storeTimes.postgresql);
  const customersLedger = behindBreaker(timedLedger, breakers.postgresql);
  const workersLedger = tellingBreaker(timedLedger, breakers.postgresql);
  const hotPath = new HotPath(breakers.redis, retries, storeTimes.redis);
  const ids = new Ids(idSecret);
  const reserveLimits = { perCustomer: rates.reserveCustomer, perAddress: rates.reserveIp };
  const gate: LineageGate = new LineageGate({
    redis,
    ledger: workersLedger,
    channels: () => channels,
    storesArePrivate,
    replicas: config.redisReplicas,
    log,
    onLook: (tookMs) => breakers.redis.heard(tookMs <= REDIS_COMMAND_MS),
  });
  measureGate(metrics, gate);
  const batches = measureBatches(metrics);
  const channels = new SaleChannels(redis, reserveLimits, gate.open, undefined, hotPath, batches);
  const channelOf = (saleNumber: number) => channels.of(saleNumber);
  const catalog = new Catalog(customersLedger);
  const relay = new Relay(customersLedger);
  const journalReach = new JournalReach(customersLedger, channels);

  // The verbs
  const dropped = metrics.counter(
    'holdfast_attempts_dropped_total',
    'Refused and replayed attempts that analytics lack, because the ledger was away for too long or did not say.',
  );
  const attempts = new Attempts(
    () => gate.storeNowMs(),
    (count) => dropped.inc(count),
  );
  const hints = new Hints(redis);
  const lost = metrics.counter('holdfast_reservations_lost_total', 'Reservations answered reservation-lost.');
  const reservations = new Desk({
    ledger: customersLedger,
    retries,
    catalog,
    ids,
    relay,
    limits: reserveLimits,
    channelOf,
    open: gate.open,
    journalReached: () => journalReach.wait(),
    onLost: () => lost.inc(),
    attempts,
    onChanged: (customerKey, reservationId) => hints.note(customerKey, reservationId),
    onLedgerFailure: (error) => gate.noteLedgerFailure(error),
  });
  const operators = new OperatorDesk({
    desk: reservations,
    ledger: customersLedger,
    ids,
    relay,
    channelOf,
    journalReached: () => journalReach.wait(),
  });
  const sales = new SalesDesk({
    ledger: customersLedger,
    retries,
    catalog,
    ids,
    channelOf,
    open: gate.open,
    deliver: async (saleNumber) => {
      await relay.catchUpFromStore(channels.of(saleNumber));
    },
  });

  // How sales went. By the ledger itself: a question that takes long says nothing of its health.
  const analytics = new SaleAnalytics({
    ledger,
    nowMs: () => gate.storeNowMs(),
    points: { max: MAX_POINTS, usual: DEFAULT_POINTS },
  });

  // What looks whether all of it adds up. By the ledger itself: a look that takes too long says nothing of its health.
  const repairs = metrics.counter('holdfast_reconcile_repairs_total', 'Sales made good, by what it took.', [
    'what',
  ]);
  for (const what of REPAIRS) repairs.inc({ what }, 0);
  const reconciler = new Reconciler({
    redis,
    ledger,
    gate,
    channels,
    log,
    onRepaired: (what) => repairs.inc({ what }),
  });
  metrics.levels(
    'holdfast_invariant_violations',
    'Differences found lately and not repaired, by the invariant that they break: see docs/reconcile.md.',
    'invariant',
    'max',
    () => reconciler.violationsOfAll(),
  );

  // Who watches
  const live = createLive({
    catalog,
    sales,
    reservations,
    channels,
    ids,
    hints,
    gate,
    limits: config.live,
    metrics,
  });

  // What runs beside them
  const workers = startWorkers({
    gate,
    channels,
    ledger: workersLedger,
    catalog,
    relay,
    reconciler,
    attempts,
    log,
    metrics,
  });
  metrics.readStockFrom(() => readStock(redis, channels, gate));
  durability.start();
  const stop = async () => {
    live.feed.stop();
    hints.stop();
    await durability.stop();
    await workers.stop();
    await gate.stop();
    await disconnect();
  };
  try {
    await gate.renewAndOpen();
    if (setup.seedDemo) await seedDemo(ledger, sales, config.reservationTtlSeconds);
  } catch (error) {
    await stop();
    throw error;
  }

  // The door
  const generalLimits = new GeneralLimits(
    redis,
    { perCustomer: rates.otherCustomer, perAddress: rates.otherIp },
    hotPath,
  );
  const draining = new AbortController();
  const statusParts = {
    breakers,
    workers: () => [...workers.health(), { name: durability.name, ...durability.health }],
    haveTurn: () => workers.haveTurn,
    reconciler,
    gate,
    channels,
    catalog,
    ledger,
  };
  const http = createHttp({
    reservations,
    sales,
    operators,
    reconciler,
    analytics,
    status: () => readStatus(statusParts),
    live,
    ids,
    auth: authOf(config.tokens),
    demoAuth: config.tokens.demoIssuer,
    generalLimit: (customer, address) =>
      generalLimits.attempt(customer ?? '', address === '' ? '' : ids.addressKey(address)),
    limits: { requestsPerCustomer: rates.otherCustomer, requestsPerAddress: rates.otherIp },
    reservationTtlSeconds: config.reservationTtlSeconds,
    storeNowMs: () => gate.storeNowMs(),
    ready: () => {
      const reasons = [
        ...(draining.signal.aborted ? ['the service is shutting down'] : []),
        ...gate.reasonsNotReady(),
        ...durability.risks,
      ];
      return { ok: reasons.length === 0, reasons };
    },
    stopping: draining.signal,
    trustedProxies: config.trustedProxies,
    corsOrigins: config.corsOrigins,
    log,
    metrics: measureRequests(metrics, () => retries.recordRequest()),
  });

  let stopping: Promise<{ transitionsJournaled: number }> | undefined;
  let journaledBefore = 0;
  return {
    turnAway: http.turnAway,
    fetch: http.fetch,
    endLive: http.endLive,
    beginDrain: () => {
      journaledBefore = workers.journaled;
      draining.abort();
    },
    stop: () => {
      stopping ??= stop().then(() => ({ transitionsJournaled: workers.journaled - journaledBefore }));
      return stopping;
    },
  };
}

function authOf({ key, issuer, audience }: AppSetup['config']['tokens']) {
  switch (key.kind) {
    case 'secret':
      return { hmacSecret: Buffer.from(key.secret, 'utf8'), issuer, audience };
    case 'public-key':
      return { publicKeyPem: key.pem, issuer, audience };
    case 'jwks':
      return { jwksUrl: key.url, issuer, audience };
  }
}

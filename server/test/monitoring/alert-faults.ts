// The faults behind the alerts, each caused on a real service with real stores. None is faked: a negative stock is written into
// Redis, a broken invariant into PostgreSQL, a lost reservation is one that Redis forgot before the journal had it.
import { saleKey } from '../../src/stock/keys.ts';
import { childrenOf, openSale, type Sale, type Stage } from '../faults/stage.ts';
import { Caller, operator } from '../harness/service.ts';
import { until } from '../harness/until.ts';

/** An alert, and what its labels must be. */
export interface Expected {
  readonly alert: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface AlertFault {
  readonly what: string;
  readonly fires: readonly Expected[];
  /** Causes it, and keeps it up until `over` resolves; then undoes it. */
  readonly cause: (stage: Stage, over: Promise<unknown>) => Promise<void>;
}

/** Alerts that no run of some minutes can cause: their unit tests stand alone. */
export const NOT_CAUSED: Readonly<Record<string, string>> = {
  HoldfastReconcilerStopped: 'takes twenty minutes by its nature',
};

const TTL_SECONDS = 300;
const SHORT_TTL_SECONDS = 2;
/** There and back again that is more than the half second of the alert, and less than any time limit of a statement. */
const SLOW_LATENCY_MS = 280;
const UNDO_WITHIN_MS = 20_000;

const saleOf = (stage: Stage, hotStock = 400, ttlSeconds = TTL_SECONDS): Promise<Sale> =>
  openSale(stage, { ttlSeconds, hotStock, others: 0 });

let shoppers = 0;
const shopper = (stage: Stage): Caller => {
  shoppers += 1;
  return new Caller(stage.url, `shopper-${shoppers}`);
};

/** Does it again and again until the fault is over; what fails meanwhile is part of the fault. */
async function keepOn(over: Promise<unknown>, everyMs: number, what: () => Promise<unknown>): Promise<void> {
  let isOver = false;
  const noted = over.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await what().catch(() => undefined);
    await Promise.race([Bun.sleep(everyMs), noted]);
  }
}

const reserveOne = async (stage: Stage, sale: Sale): Promise<string> => {
  const reply = await shopper(stage).reserve({ [sale.hot]: 1 });
  if (reply.status !== 201) throw new Error(`not reserved: ${reply.text}`);
  return reply.body.reservation_id;
};

/** Of one second store's numbers for the hot item: more reserved than there are units. */
async function overReserve(stage: Stage, sale: Sale): Promise<void> {
  const redis = stage.redisClient();
  const key = saleKey(sale.number, 'stock');
  const [total = '0', , sold = '0', cap = '-'] = ((await redis.hget(key, sale.hot)) ?? '').split(' ');
  await redis.hset(key, sale.hot, `${total} ${Number(total) + 5} ${sold} ${cap}`);
}

const refused = (what: string): never => {
  throw new Error(what);
};

export const ALERT_FAULTS: readonly AlertFault[] = [
  {
    what: 'a sale of 200 units sells four a second',
    fires: [{ alert: 'HoldfastSellingOutSoon' }],
    cause: async (stage, over) => {
      const sale = await saleOf(stage, 200);
      await keepOn(over, 250, () => reserveOne(stage, sale));
    },
  },
  {
    what: `every packet to and from PostgreSQL takes ${SLOW_LATENCY_MS} ms while customers confirm`,
    fires: [{ alert: 'HoldfastSlow', labels: { route: 'POST /api/v1/checkout/confirm' } }],
    cause: async (stage, over) => {
      const sale = await saleOf(stage);
      const held = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const caller = shopper(stage);
          const reply = await caller.reserve({ [sale.hot]: 1 });
          return () => caller.confirm(reply.body.reservation_id);
        }),
      );
      for (const proxy of stage.proxies('postgres')) proxy.setWeather({ latencyMs: SLOW_LATENCY_MS });
      await keepOn(over, 50, () => held.shift()?.() ?? Promise.resolve());
      for (const proxy of stage.proxies('postgres')) proxy.setWeather({});
      await stage.allReady();
    },
  },
  {
    what: 'another session keeps the journal locked while customers reserve',
    fires: [{ alert: 'HoldfastLedgerWriterBehind' }],
    cause: async (stage, over) => {
      const sale = await saleOf(stage);
      await stage.ask((sql) =>
        sql.begin(async (tx) => {
          await tx`LOCK TABLE holdfast.journal IN EXCLUSIVE MODE`;
          await keepOn(over, 500, () => reserveOne(stage, sale));
        }),
      );
    },
  },
  {
    what: 'Redis is flushed before the journal has a reservation',
    fires: [{ alert: 'HoldfastReservationsLost' }],
    cause: async (stage, over) => {
      const sale = await saleOf(stage);
      const customer = shopper(stage);
      const lost = await stage.ask((sql) =>
        sql.begin(async (tx) => {
          await tx`LOCK TABLE holdfast.journal IN EXCLUSIVE MODE`;
          const { body } = await customer.reserve({ [sale.hot]: 1 });
          await stage.redisClient().flushall();
          return body.reservation_id;
        }),
      );
      await stage.allReady();
      await until('the customer is told', async () => {
        const reply = await customer.get(`/api/v1/reservations/${lost}`);
        return reply.body.code === 'reservation-lost';
      });
      await over;
    },
  },
  {
    what: 'two sales are written to in Redis: more units reserved than there are',
    fires: [{ alert: 'HoldfastInventoryNegative' }, { alert: 'HoldfastStoreWrittenTo' }],
    cause: async (stage, over) => {
      const sales = [await saleOf(stage, 5), await saleOf(stage, 5)];
      for (const sale of sales) await overReserve(stage, sale);
      await over;
    },
  },
  {
    what: 'a row of the ledger is changed by hand',
    fires: [{ alert: 'HoldfastInvariantBroken', labels: { invariant: 'I2' } }],
    cause: async (stage, over) => {
      const sale = await saleOf(stage);
      const set = (sold: number) =>
        stage.ask((sql) => sql`UPDATE holdfast.item SET sold = ${sold} WHERE sku = ${sale.hot}`);
      await set(1);
      await keepOn(over, 1_000, () =>
        operator(stage.url).post('/api/v1/admin/reconcile', { sale_id: sale.id }),
      );
      await set(0);
    },
  },
  {
    what: 'PostgreSQL is stopped',
    fires: [
      { alert: 'HoldfastStoreDown', labels: { store: 'postgresql' } },
      { alert: 'HoldfastBreakerOpen', labels: { store: 'postgresql' } },
    ],
    cause: async (stage, over) => {
      await stage.postgres.stop();
      await keepOn(over, 50, () => shopper(stage).get('/api/v1/orders'));
      await stage.postgres.restart();
      await stage.allReady();
    },
  },
  {
    what: 'Redis is frozen (SIGSTOP) while customers reserve and reservations come to their end',
    fires: [
      { alert: 'HoldfastStoreDown', labels: { store: 'redis' } },
      { alert: 'HoldfastBreakerOpen', labels: { store: 'redis' } },
      { alert: 'HoldfastRequestsFailing' },
      { alert: 'HoldfastExpiryLate' },
    ],
    cause: async (stage, over) => {
      const sale = await saleOf(stage, 400, SHORT_TTL_SECONDS);
      for (let i = 0; i < 3; i += 1) await reserveOne(stage, sale);
      await Bun.sleep(1_000); // a look at the sale, which comes twice a second, has seen their deadline
      process.kill(stage.redis.pid, 'SIGSTOP');
      try {
        await keepOn(over, 10, () =>
          Promise.all(Array.from({ length: 8 }, () => shopper(stage).reserve({ [sale.hot]: 1 }))),
        );
      } finally {
        process.kill(stage.redis.pid, 'SIGCONT');
      }
      await stage.allReady();
    },
  },
  {
    what: 'workers are killed again and again (SIGKILL)',
    fires: [{ alert: 'HoldfastWorkersRestarting' }],
    cause: async (stage, over) => {
      const supervisor = stage.services[0]?.pids[0] ?? refused('no service');
      await keepOn(over, 2_000, async () => {
        const [worker] = childrenOf(supervisor);
        if (worker !== undefined) process.kill(worker, 'SIGKILL');
      });
      await stage.allReady(UNDO_WITHIN_MS);
    },
  },
  {
    what: 'the service is killed (SIGKILL)',
    fires: [{ alert: 'HoldfastDown' }],
    cause: async (stage, over) => {
      await stage.services[0]?.kill9();
      await over;
    },
  },
];

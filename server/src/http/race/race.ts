// The race lab: a throwaway sale, shoppers who race for it through the verbs that HTTP calls, and what they are told, line
// by line, to whoever watches; at last the verdict. Whatever happens, the sale is closed: it stays in the list as a closed one,
// and leaves the stock store with the archivist a day later.
//
//   sale made ─▶ shoppers race ─▶ the last deadlines pass ─▶ orders and counts read ─▶ verdict ─▶ sale closed
//                      └──────── hung up, shutting down, out of time ────────────────────────────────▲
import { randomBytes, randomInt } from 'node:crypto';
import { MAX_SEED, type RaceBody } from '@holdfast/contract/race';
import type { Ids } from '../../domain/ids.ts';
import { usualExtensions } from '../../domain/ledger-facts.ts';
import type { Answer, Customer, ReservationVerbs } from '../../reservations/reservations.ts';
import type { SaleVerbs } from '../../sales/sales.ts';
import type { ErrorLog } from '../call.ts';
import { LineStream } from './line-stream.ts';
import { makePlans } from './plans.ts';
import { type Deed, pause, shop } from './shopper.ts';
import { quantilesOf, type Show, tellDeeds } from './show.ts';
import { type Aftermath, judge, type LedgerOrder } from './verdict.ts';

/** All of it: a stream that ends within what people wait for. */
const RACE_MS = 30_000;
/** Nobody tries again after this; what is then reserved still has its time. */
const SHOPPING_MS = 16_000;
/** So short that what vanished comes back while others still want it. */
const TTL_SECONDS = 4;
/** Expired stock is free within a second; a busy machine may take another. */
const QUIET_MS = 5_000;
/** Between looks at the stock, and between lines of events: twenty a second. */
const LOOK_MS = 50;
/** Shoppers whose orders are read at the same time. */
const READERS = 8;
/** An order list is longer than any shopper's. */
const ORDERS_MAX = 200;
const CLOSE_TRIES = 3;
const CLOSE_PAUSE_MS = 500;

export interface RaceLabOptions {
  readonly reservations: ReservationVerbs;
  readonly sales: SaleVerbs;
  readonly ids: Ids;
  readonly log: ErrorLog;
  /** Ends a race: the process is to stop. */
  readonly stopping: AbortSignal;
  /** RACE_MS, unless a test is in a hurry. */
  readonly raceMs?: number;
}

interface Race {
  readonly saleId: string;
  readonly sku: string;
  readonly body: RaceBody;
  readonly seed: number;
  readonly operator: string;
}

export class RaceLab {
  /** One race a process: its figures are worth something only while nobody else races. */
  private running = false;

  constructor(private readonly options: RaceLabOptions) {}

  /** The stream of a race that has begun. It goes on until its end, or until the stream is cancelled. */
  async start(
    body: RaceBody,
    operator: string,
    hungUp: AbortSignal,
  ): Promise<Answer<ReadableStream<Uint8Array>>> {
    if (this.running) {
      const detail = 'This process runs a race already. Wait for its end, at most half a minute.';
      return { ok: false, refusal: { code: 'race-running', detail, retryAfterSeconds: 10 } };
    }
    this.running = true;
    const name = `race-${randomBytes(6).toString('hex')}`;
    const seed = body.seed ?? randomInt(MAX_SEED);
    const race: Race = { saleId: name, sku: name.toUpperCase(), body, seed, operator };
    try {
      const made = await this.makeSale(race);
      if (!made.ok) {
        await this.close(race);
        this.running = false;
        return made;
      }
    } catch (error) {
      await this.close(race);
      this.running = false;
      throw error;
    }
    const over = new AbortController();
    const lines = new LineStream(() => over.abort(new CalledOff('nobody watches any more')));
    const forget = endWith(over, [
      [hungUp, 'nobody watches any more'],
      [this.options.stopping, 'the service is shutting down'],
    ]);
    const { raceMs = RACE_MS } = this.options;
    const timer = setTimeout(() => over.abort(new CalledOff('it took too long')), raceMs);
    void this.run(race, lines, over.signal, performance.now() + raceMs).finally(() => {
      clearTimeout(timer);
      forget();
      this.running = false;
    });
    return { ok: true, value: lines.body };
  }

  /** Never rejects. */
  private async run(race: Race, lines: LineStream, signal: AbortSignal, endMs: number): Promise<void> {
    try {
      await this.raceOn(race, lines, signal, endMs);
    } catch (error) {
      if (!(error instanceof CalledOff))
        this.options.log.error({ err: error, sale: race.saleId }, 'a race could not be run to its end');
      const detail = error instanceof CalledOff ? error.message : 'the race met an error; it is in the log';
      lines.write({ type: 'failed', detail: `Nothing was judged: ${detail}.` });
    } finally {
      lines.end();
      await this.close(race);
    }
  }

  private async raceOn(race: Race, lines: LineStream, signal: AbortSignal, endMs: number): Promise<void> {
    const { reservations, ids } = this.options;
    const { saleId, sku, seed, body } = race;
    const { shoppers, units } = body;
    const startedAtMs = performance.now();
    const nowMs = () => Math.round((performance.now() - startedAtMs) * 100) / 100;
    const plans = makePlans(shoppers, seed);
    const customers = plans.map((_, shopper): Customer => {
      const sub = `${saleId}-${shopper}`;
      return { sub, key: ids.customerKey(sub) };
    });
    lines.write({ type: 'started', sale_id: saleId, sku, shoppers, units, seed });
    const deeds: Deed[] = [];
    const maxPerCustomer = body.max_per_customer ?? null;
    const show = { told: 0, deeds };
    const track = {
      reservations,
      ids,
      sku,
      maxPerCustomer,
      nowMs,
      closesAtMs: Math.min(SHOPPING_MS, endMs - startedAtMs),
      signal,
      note: (deed: Deed) => void deeds.push(deed),
    };
    const ended = new AbortController();
    const shown = this.showOn(race, lines, show, nowMs, ended.signal);
    let aftermath: Aftermath;
    let durationMs: number;
    try {
      await allOf(plans.map((plan, i) => shop(i, customers[i] as Customer, plan, track)));
      durationMs = nowMs();
      await this.untilQuiet(race, signal);
      aftermath = await this.aftermath(race, customers, deeds, signal);
    } finally {
      ended.abort();
      await shown;
    }
    while (show.told < deeds.length) {
      await withSignal(lines.untilRoom(), signal);
      tellDeeds(lines, show);
    }
    await withSignal(lines.untilRoom(), signal);
    const verdict = judge({ units, maxPerCustomer, ttlMs: TTL_SECONDS * 1000, deeds, aftermath });
    lines.write({
      type: 'verdict',
      ...verdict,
      duration_ms: durationMs,
      latency: { reserve: quantilesOf(deeds, 'reserve'), confirm: quantilesOf(deeds, 'confirm') },
      ledger: {
        available: aftermath.stock.available,
        reserved: aftermath.stock.reserved,
        sold: aftermath.ledger.sold,
        total: aftermath.ledger.total,
        orders: aftermath.orders.length,
      },
    });
  }

  /** Stock and events, as often as the reader takes them, until the race has ended. Never rejects. */
  private async showOn(
    race: Race,
    lines: LineStream,
    show: Show,
    nowMs: () => number,
    ended: AbortSignal,
  ): Promise<void> {
    while (!ended.aborted) {
      tellDeeds(lines, show);
      if (lines.hasRoom) {
        const stock = await this.stock(race).catch(() => null);
        if (stock) {
          const { available, reserved, sold } = stock;
          lines.write({ type: 'stock', at_ms: nowMs(), available, reserved, sold });
        }
      }
      await pause(LOOK_MS, ended).catch(() => undefined);
    }
  }

  private async makeSale({ saleId, sku, body, operator }: Race): Promise<Answer<unknown>> {
    return this.options.sales.create(
      {
        id: saleId,
        name: 'A race',
        opensAtMs: null,
        closesAtMs: null,
        reservationTtlSeconds: TTL_SECONDS,
        extensions: usualExtensions(TTL_SECONDS),
        items: [
          {
            sku,
            name: 'The last ones',
            stock: body.units,
            price: null,
            maxPerCustomer: body.max_per_customer ?? null,
          },
        ],
      },
      operator,
    );
  }

  /** Of a sale that could not be made too: it may be there all the same. */
  private async close({ saleId, operator }: Race): Promise<void> {
    for (let tries = 1; tries <= CLOSE_TRIES; tries += 1) {
      try {
        await this.options.sales.close(saleId, operator);
        return;
      } catch (error) {
        if (tries === CLOSE_TRIES)
          this.options.log.error({ err: error, sale: saleId }, 'the sale of a race could not be closed');
        else await Bun.sleep(CLOSE_PAUSE_MS);
      }
    }
  }

  /** Until nothing is reserved any more, or it should long be so: then the verdict says so. */
  private async untilQuiet(race: Race, signal: AbortSignal): Promise<void> {
    const endMs = performance.now() + TTL_SECONDS * 1000 + QUIET_MS;
    while (performance.now() < endMs) {
      if ((await this.stock(race)).reserved === 0) return;
      await pause(LOOK_MS, signal);
    }
  }

  private async stock({ sku }: Race): Promise<Aftermath['stock']> {
    const answer = await this.options.sales.item(sku);
    if (!answer.ok) throw new Error(`the item of a race is ${answer.refusal.code}`);
    const { total, reserved, sold } = answer.value.stock;
    return { total, reserved, sold, available: total - reserved - sold };
  }

  private async aftermath(
    race: Race,
    customers: readonly Customer[],
    deeds: readonly Deed[],
    signal: AbortSignal,
  ): Promise<Aftermath> {
    // Whoever may have an order, whatever it was told.
    const buyers = [...new Set(deeds.filter(({ what }) => what === 'confirm').map(({ shopper }) => shopper))];
    const orders: LedgerOrder[] = [];
    for (let from = 0; from < buyers.length; from += READERS) {
      signal.throwIfAborted();
      const some = buyers.slice(from, from + READERS);
      orders.push(
        ...(await Promise.all(some.map((shopper) => this.ordersOf(race, shopper, customers)))).flat(),
      );
    }
    const stock = await this.stock(race);
    const sale = await this.options.sales.sale(race.saleId);
    const row = sale.ok ? sale.value.items.find(({ sku }) => sku === race.sku) : undefined;
    if (!row) throw new Error('the ledger has not the item of a race');
    return { stock, ledger: { sold: row.sold, total: row.total }, orders };
  }

  private async ordersOf(
    { saleId, sku }: Race,
    shopper: number,
    customers: readonly Customer[],
  ): Promise<LedgerOrder[]> {
    const answer = await this.options.reservations.orders(customers[shopper] as Customer, ORDERS_MAX, null);
    if (!answer.ok) throw new Error(`the orders of a shopper are ${answer.refusal.code}`);
    return answer.value.rows
      .filter((order) => order.saleId === saleId)
      .map(({ orderId, reservationId, lines }) => ({
        shopper,
        orderId,
        reservationId,
        quantity: lines.reduce((sum, line) => (line.sku === sku ? sum + line.quantity : sum), 0),
      }));
  }
}

/** Why a race ended before its end, in words for who watches. */
class CalledOff extends Error {
  override readonly name = 'CalledOff';
}

/** Waits for all of them, also when one fails: nobody is left running behind the race's back. */
async function allOf(playing: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(playing)) if (end.status === 'rejected') throw end.reason;
}

function withSignal(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    void waiting.then(resolve).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Aborts with any of the signals; the returned function takes the listeners off again. */
function endWith(over: AbortController, signals: readonly (readonly [AbortSignal, string])[]): () => void {
  const listeners = signals.map(([signal, why]) => {
    const stop = () => over.abort(new CalledOff(why));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    return () => signal.removeEventListener('abort', stop);
  });
  return () => {
    for (const forget of listeners) forget();
  };
}

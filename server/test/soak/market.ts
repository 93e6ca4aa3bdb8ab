// The operators' part of a soak: one sale that stays, restocked and written off all the time while patrons buy in it; stalls that are
// opened, changed and closed; looks into journal, reservations and analytics; the race lab. What they were told is held
// against the ledger at the end.
import { HoldfastError } from '@holdfast/client';
import type { SQL } from 'bun';
import type { Floor } from './floor.ts';

const BAZAAR = 'bazaar';
const WARES = 4;
const STOCK = 10_000;
const TTL_SECONDS = 20;
const PATRONS = 8;
const VISIT_PAUSE_MS = 400;
const RESTOCK_PAUSE_MS = 1_500;
const STALL_PAUSE_MS = 5_000;
const STALL_BUYERS = 6;
const LOOK_PAUSE_MS = 2_500;
const RACE_PAUSE_MS = 75_000;
const RACE = { shoppers: 60, units: 8 } as const;
/** Tries of what must not stay open, each of them with the client's own retries. */
const SETTLE_TRIES = 40;
const SETTLE_PAUSE_MS = 1_500;

export interface MarketFigures {
  restocks: number;
  salesOpened: number;
  salesClosed: number;
  races: number;
  exportedRows: number;
  orders: number;
}

export class Market {
  readonly figures: MarketFigures = {
    restocks: 0,
    salesOpened: 0,
    salesClosed: 0,
    races: 0,
    exportedRows: 0,
    orders: 0,
  };
  /** What broke while it went on, in words. */
  readonly findings: string[] = [];
  private readonly totals = new Map<string, number>();
  private readonly orders = new Set<string>();
  private readonly loops: Promise<void>[] = [];
  private stalls = 0;
  private readonly operator;

  private constructor(private readonly floor: Floor) {
    this.operator = floor.operator();
  }

  static async open(floor: Floor): Promise<Market> {
    const market = new Market(floor);
    const items = Array.from({ length: WARES }, (_, n) => ({ sku: `${BAZAAR}-${n}`, stock: STOCK }));
    await market.operator.createSale({
      id: BAZAAR,
      name: 'the bazaar',
      reservation_ttl_seconds: TTL_SECONDS,
      items,
    });
    for (const { sku, stock } of items) market.totals.set(sku, stock);
    return market;
  }

  get saleId(): string {
    return BAZAAR;
  }

  get skus(): string[] {
    return [...this.totals.keys()];
  }

  begin(): void {
    const { floor } = this;
    this.loops.push(
      ...Array.from({ length: PATRONS }, (_, n) => this.patronise(n)),
      floor.keepDoing(() => this.restock(), RESTOCK_PAUSE_MS),
      floor.keepDoing(() => this.runStall(), STALL_PAUSE_MS),
      floor.keepDoing(() => this.lookAround(), LOOK_PAUSE_MS),
      floor.pause(RACE_PAUSE_MS / 2).then(() => floor.keepDoing(() => this.race(), RACE_PAUSE_MS)),
    );
  }

  /** After the floor has closed. */
  async gone(): Promise<void> {
    await Promise.all(this.loops);
  }

  /** In words what the ledger has otherwise than operators and patrons were told. Nobody is under way any more. */
  async check(sql: SQL): Promise<string[]> {
    const found = [...this.findings];
    const items = await sql`
      SELECT sku, total, item.sold FROM holdfast.item JOIN holdfast.sale ON number = item.sale WHERE id = ${BAZAAR}`;
    for (const { sku, total, sold } of items) {
      if (Number(total) !== this.totals.get(sku))
        found.push(
          `${sku}: the ledger has a total of ${total}, deliveries and write-offs make ${this.totals.get(sku)}`,
        );
      if (sold < 0 || Number(sold) > Number(total)) found.push(`${sku}: ${sold} sold of ${total}`);
    }
    const known = new Set(
      (await sql`SELECT encode(order_id, 'hex') AS id FROM holdfast.orders`).map(
        ({ id }: { id: string }) => `ord_${Buffer.from(id, 'hex').toString('base64url')}`,
      ),
    );
    const lost = [...this.orders].filter((id) => !known.has(id));
    if (lost.length > 0) found.push(`${lost.length} acknowledged orders are not in the ledger: ${lost[0]}`);
    this.figures.orders = this.orders.size;
    return found;
  }

  private async patronise(n: number): Promise<void> {
    const { floor } = this;
    const patron = floor.customer(`patron-${n}`);
    await floor.keepDoing(() => this.visit(patron, floor.anyOf(this.skus) ?? ''), VISIT_PAUSE_MS);
  }

  private async visit(patron: ReturnType<Floor['customer']>, sku: string): Promise<void> {
    const { reservation, idempotencyKey } = await patron.reserve({ sku, quantity: 1 });
    const then = this.floor.random();
    if (then < 0.1) {
      const again = await patron.reserve({ sku, quantity: 1 }, { idempotencyKey });
      if (again.reservation.reservation_id !== reservation.reservation_id)
        this.findings.push(`one key of a patron made two reservations, ${reservation.reservation_id} first`);
    }
    if (then < 0.5) this.orders.add((await patron.confirm(reservation.reservation_id)).order_id);
    else if (then < 0.8) await patron.release(reservation.reservation_id);
  }

  /** With one key until there is an answer, so that it is known whether it took place. */
  private async restock(): Promise<void> {
    const { floor, totals } = this;
    const sku = floor.anyOf(this.skus) ?? '';
    const delta = (floor.random() < 0.6 ? 1 : -1) * (1 + Math.floor(floor.random() * 20));
    const idempotencyKey = crypto.randomUUID();
    const reason = delta > 0 ? 'a delivery' : 'a count';
    const change = await this.settled(() =>
      this.operator.changeStock(sku, { delta, reason }, { idempotencyKey }),
    );
    if (change === undefined) return;
    const before = totals.get(sku) ?? 0;
    if (change.total_before !== before || change.total !== before + delta)
      this.findings.push(
        `${sku}: a change by ${delta} went from ${change.total_before} to ${change.total}, and ${before} was known`,
      );
    totals.set(sku, change.total);
    this.figures.restocks += 1;
  }

  private async runStall(): Promise<void> {
    const { floor, operator } = this;
    const id = `stall-${++this.stalls}`;
    const skus = [`${id}-a`, `${id}-b`];
    await operator
      .createSale({
        id,
        name: 'a stall',
        reservation_ttl_seconds: TTL_SECONDS,
        items: skus.map((sku) => ({ sku, stock: 5 })),
      })
      .catch(unlessThere);
    this.figures.salesOpened += 1;
    try {
      await operator.changeSale(id, { name: 'a stall with a name' });
      await operator.addItems(id, [{ sku: `${id}-c`, stock: 3, max_per_customer: 1 }]).catch(unlessThere);
      await Promise.allSettled(
        Array.from({ length: STALL_BUYERS }, (_, n) =>
          this.visit(floor.customer(`c${n}-1`), skus[n % 2] ?? ''),
        ),
      );
    } finally {
      if ((await this.settled(() => operator.closeSale(id))) !== undefined) this.figures.salesClosed += 1;
      else this.findings.push(`${id} could not be closed`);
    }
  }

  private async lookAround(): Promise<void> {
    const { floor, operator } = this;
    const sale = floor.saleId;
    const what = floor.random();
    if (what < 0.2) await operator.operatorReservations({ sale, limit: 50 });
    else if (what < 0.3) await operator.operatorOrders({ sale, limit: 50 });
    else if (what < 0.45) await operator.audit({ sale, limit: 100 });
    else if (what < 0.55) {
      const from = new Date(Date.now() - 20_000).toISOString();
      this.figures.exportedRows += (await operator.auditCsv({ sale, from })).split('\n').length - 1;
    } else if (what < 0.7 && sale !== undefined) await operator.insight.analytics(sale);
    else if (what < 0.85) await operator.insight.status();
    else {
      const { data } = await operator.operatorReservations({ sale: BAZAAR, status: 'active', limit: 5 });
      const one = data[0]?.reservation_id;
      if (one === undefined) return;
      await operator.operatorReservation(one);
      await operator.releaseForCustomer(one, 'asked for by telephone');
    }
  }

  private async race(): Promise<void> {
    for await (const line of this.operator.insight.race(RACE)) {
      if (line.type !== 'verdict') continue;
      this.figures.races += 1;
      if (line.oversold > 0 || line.duplicates > 0)
        this.findings.push(`a race: ${line.oversold} oversold, ${line.duplicates} duplicates`);
    }
  }

  /** Undefined: it was refused. A lost answer is asked for again until there is one. */
  private async settled<T>(ask: () => Promise<T>): Promise<T | undefined> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error;
        const passes = error.status === 503 || error.status === 0;
        if (!passes) return undefined;
        if (tries === SETTLE_TRIES) {
          this.findings.push(`an operator got no answer ${SETTLE_TRIES} times: ${error.message}`);
          return undefined;
        }
        await Bun.sleep(SETTLE_PAUSE_MS);
      }
    }
  }
}

/** The first try went through, and its answer was lost. */
function unlessThere(error: unknown): void {
  if (!(error instanceof HoldfastError) || !['sale-exists', 'sku-in-use'].includes(error.code)) throw error;
}

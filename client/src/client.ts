// The Holdfast client: reserve, confirm, release, read. Uses fetch and nothing else, so it runs in browsers,
// Node, Bun and Deno. Every reserve carries an idempotency key made here before anything is sent, so a retry,
// by this client or by its caller after a crash, meets the same reservation.

import type { Token } from '@holdfast/contract/auth';
import type { Item } from '@holdfast/contract/inventory';
import type { Order } from '@holdfast/contract/orders';
import type { ReconcileReport } from '@holdfast/contract/reconcile';
import type { Line, Reservation } from '@holdfast/contract/reservations';
import type { CreateSaleBody, NewItem, Sale } from '@holdfast/contract/sales';
import type { ChangeStockBody, StockChange } from '@holdfast/contract/stock';
import type { Page } from '@holdfast/contract/vocabulary';
import { Deadlines } from './deadlines.ts';
import { HoldfastError } from './error.ts';
import { Insight } from './insight.ts';
import { RetryBudget } from './retry.ts';
import {
  type Answer,
  type Call,
  type Caller,
  type Fetch,
  type Observer,
  type TokenSource,
  Transport,
} from './transport.ts';

export { HoldfastError } from './error.ts';

/** One attempt's time limit: beyond what the service allows itself, short enough for a person waiting. */
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_RETRIES = 3;
const DEFAULT_RETRY_BASE_MS = 100;
/** A pause longer than this is the caller's to decide on. */
const DEFAULT_MAX_WAIT_MS = 5_000;

export interface HoldfastClientOptions {
  /** Where the service is, e.g. `https://shop.example/holdfast`. */
  readonly baseUrl: string;
  /** Access token, or what gives one; asked anew for every request. Public reads go without. */
  readonly token?: TokenSource;
  readonly fetch?: Fetch;
  /** For each attempt, body included. */
  readonly timeoutMs?: number;
  /** Attempts after the first. */
  readonly maxRetries?: number;
  /** Upper end of the first pause before a retry; doubles with each. */
  readonly retryBaseMs?: number;
  /** Longest pause between retries; a longer Retry-After is not waited for. Jitter may add as much again. */
  readonly maxWaitMs?: number;
  /** Wait out 429 answers too. Default false. */
  readonly retryRateLimited?: boolean;
  /** Ends every call of this client. */
  readonly signal?: AbortSignal;
  /** Sees every request that goes out and how it ended. */
  readonly observe?: Observer;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export type ReserveLines = Line | { readonly items: readonly Line[] };

/** Of calls that happen once by their key. */
export interface KeyedOptions extends CallOptions {
  /** The key of an earlier, unanswered try. Default: a new one. */
  readonly idempotencyKey?: string;
  /** Gets the key before anything is sent, and is waited for: the place to store it. */
  readonly onKey?: (idempotencyKey: string) => void | Promise<void>;
}

export interface ReserveOptions extends KeyedOptions {
  /** 10 … the sale's own. */
  readonly ttlSeconds?: number;
}

export interface Reserved {
  readonly reservation: Reservation;
  readonly idempotencyKey: string;
  /** True if this is the answer first given to an earlier request with this key. */
  readonly replayed: boolean;
}

export interface ConfirmOptions extends CallOptions {
  readonly paymentReference?: string;
}

export interface ListOptions extends CallOptions {
  /** Entries a page, at most 200. */
  readonly pageSize?: number;
}

export interface ItemListOptions extends ListOptions {
  readonly saleId?: string;
}

export type Query = Readonly<Record<string, string | number | undefined>>;

export class HoldfastClient {
  readonly #options: HoldfastClientOptions;
  readonly #transport: Transport;
  /** Operators: analytics, status, the race lab. */
  readonly insight: Insight;

  /** `transport` is for clients made by `as`; leave it out. */
  constructor(options: HoldfastClientOptions, transport: Transport = transportOf(options)) {
    this.#options = options;
    this.#transport = transport;
    this.insight = new Insight(transport, options);
  }

  /** A client for someone else that shares this one's settings, retry budget and time limits. */
  as(caller: Caller): HoldfastClient {
    return new HoldfastClient({ ...this.#options, ...caller }, this.#transport);
  }

  // Customers

  /** Holds stock for a while. Refusals of interest: `insufficient-stock`, `sale-not-open`, `limit-exceeded`. */
  async reserve(lines: ReserveLines, options: ReserveOptions = {}): Promise<Reserved> {
    const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID();
    await options.onKey?.(idempotencyKey);
    const body = options.ttlSeconds === undefined ? lines : { ...lines, ttl_seconds: options.ttlSeconds };
    try {
      const answer = await this.send(
        {
          operation: 'reserve',
          method: 'POST',
          path: '/api/v1/inventory/reserve',
          body,
          idempotencyKey,
          repeatable: true,
        },
        options,
      );
      return { reservation: answer.json as Reservation, idempotencyKey, replayed: answer.replayed };
    } catch (error) {
      if (error instanceof HoldfastError) error.idempotencyKey = idempotencyKey;
      throw error;
    }
  }

  /** Turns a live reservation into an order. Repeating it gives the same order. */
  async confirm(reservationId: string, options: ConfirmOptions = {}): Promise<Order> {
    const reference = options.paymentReference;
    const body = {
      reservation_id: reservationId,
      ...(reference === undefined ? {} : { payment_reference: reference }),
    };
    const path = '/api/v1/checkout/confirm';
    const call = {
      operation: 'confirm',
      method: 'POST',
      path,
      body,
      reservationId,
      repeatable: true,
    } as const;
    return (await this.send(call, options)).json as Order;
  }

  /** Gives the stock back. Repeating it gives the same answer. */
  async release(reservationId: string, options: CallOptions = {}): Promise<Reservation> {
    const path = `/api/v1/reservations/${encodeURIComponent(reservationId)}`;
    const call = { operation: 'release', method: 'DELETE', path, reservationId, repeatable: true } as const;
    return (await this.send(call, options)).json as Reservation;
  }

  /** Adds seconds to the deadline, as often as the sale allows. Never sent twice: read the reservation after a lost answer. */
  async extend(reservationId: string, seconds: number, options: CallOptions = {}): Promise<Reservation> {
    const path = `/api/v1/reservations/${encodeURIComponent(reservationId)}/extend`;
    const body = { seconds };
    const call = {
      operation: 'extend',
      method: 'POST',
      path,
      body,
      reservationId,
      repeatable: false,
    } as const;
    return (await this.send(call, options)).json as Reservation;
  }

  async reservation(reservationId: string, options: CallOptions = {}): Promise<Reservation> {
    const path = `/api/v1/reservations/${encodeURIComponent(reservationId)}`;
    const call = { operation: 'reservation', method: 'GET', path, reservationId, repeatable: true } as const;
    return (await this.send(call, options)).json as Reservation;
  }

  /** The customer's reservations, page by page as they are asked for. */
  reservations(options: ListOptions = {}): AsyncGenerator<Reservation, void, undefined> {
    return this.list<Reservation>('reservations', '/api/v1/reservations', {}, options);
  }

  async order(orderId: string, options: CallOptions = {}): Promise<Order> {
    return this.get<Order>('order', `/api/v1/orders/${encodeURIComponent(orderId)}`, options);
  }

  orders(options: ListOptions = {}): AsyncGenerator<Order, void, undefined> {
    return this.list<Order>('orders', '/api/v1/orders', {}, options);
  }

  // Public

  async item(sku: string, options: CallOptions = {}): Promise<Item> {
    return this.get<Item>('item', `/api/v1/inventory/${encodeURIComponent(sku)}`, options);
  }

  items(options: ItemListOptions = {}): AsyncGenerator<Item, void, undefined> {
    return this.list<Item>('items', '/api/v1/inventory', { sale: options.saleId }, options);
  }

  async sale(saleId: string, options: CallOptions = {}): Promise<Sale> {
    return this.get<Sale>('sale', `/api/v1/sales/${encodeURIComponent(saleId)}`, options);
  }

  sales(options: ListOptions = {}): AsyncGenerator<Sale, void, undefined> {
    return this.list<Sale>('sales', '/api/v1/sales', {}, options);
  }

  /** A token of the built-in issuer, for trying things out; refused (`demo-auth-off`) in production. */
  async token(customerId?: string, options: CallOptions = {}): Promise<Token> {
    const body = customerId === undefined ? {} : { customer_id: customerId };
    const path = '/api/v1/auth/token';
    return (await this.send({ operation: 'token', method: 'POST', path, body, repeatable: true }, options))
      .json as Token;
  }

  // Operators. Creating and adding are never sent twice by this client: the answer to the first would be lost.

  async createSale(sale: CreateSaleBody, options: CallOptions = {}): Promise<Sale> {
    return this.post<Sale>('createSale', '/api/v1/admin/sales', sale, false, options);
  }

  async addItems(saleId: string, items: readonly NewItem[], options: CallOptions = {}): Promise<Sale> {
    const path = `/api/v1/admin/sales/${encodeURIComponent(saleId)}/items`;
    return this.post<Sale>('addItems', path, { items }, false, options);
  }

  /** Brings units in, or takes them out if delta is below zero. Once by its key. */
  async changeStock(sku: string, change: ChangeStockBody, options: KeyedOptions = {}): Promise<StockChange> {
    const path = `/api/v1/admin/items/${encodeURIComponent(sku)}/stock`;
    const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID();
    await options.onKey?.(idempotencyKey);
    const call = {
      operation: 'changeStock',
      method: 'POST',
      path,
      body: change,
      idempotencyKey,
      repeatable: true,
    } as const;
    try {
      return (await this.send(call, options)).json as StockChange;
    } catch (error) {
      if (error instanceof HoldfastError) error.idempotencyKey = idempotencyKey;
      throw error;
    }
  }

  async closeSale(saleId: string, options: CallOptions = {}): Promise<Sale> {
    const path = `/api/v1/admin/sales/${encodeURIComponent(saleId)}/close`;
    return this.post<Sale>('closeSale', path, undefined, true, options);
  }

  /** Holds ledger and Redis against themselves and each other, of one sale if given; follows the run to its end. */
  async reconcile(options: CallOptions & { readonly saleId?: string } = {}): Promise<ReconcileReport> {
    const path = '/api/v1/admin/reconcile';
    const about = options.saleId === undefined ? {} : { sale_id: options.saleId };
    let report = await this.post<ReconcileReport>('reconcile', path, about, true, options);
    while (report.next_cursor !== null) {
      const body = { ...about, cursor: report.next_cursor };
      const more = await this.post<ReconcileReport>('reconcile', path, body, true, options);
      report = { ...report, sales: [...report.sales, ...more.sales], next_cursor: more.next_cursor };
    }
    return report;
  }

  /** The four below are for subclasses: operators' calls are in operator.ts. */
  protected async get<T>(operation: Call['operation'], path: string, options: CallOptions): Promise<T> {
    return (await this.send({ operation, method: 'GET', path, repeatable: true }, options)).json as T;
  }

  protected async post<T>(
    operation: Call['operation'],
    path: string,
    body: unknown,
    repeatable: boolean,
    options: CallOptions,
  ): Promise<T> {
    return (await this.send({ operation, method: 'POST', path, body, repeatable }, options)).json as T;
  }

  protected async *list<T>(operation: Call['operation'], path: string, query: Query, options: ListOptions) {
    let cursor: string | undefined;
    do {
      const page = await this.get<Page<T>>(
        operation,
        path + queryString({ ...query, limit: options.pageSize, cursor }),
        options,
      );
      yield* page.data;
      if (page.next_cursor !== null && page.next_cursor === cursor) throw stuckList();
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  protected send(call: Call, options: CallOptions): Promise<Answer> {
    return this.#transport.send({ ...call, signal: options.signal }, this.#options);
  }
}

function transportOf(options: HoldfastClientOptions): Transport {
  return new Transport({
    baseUrl: options.baseUrl.replace(/\/+$/, ''),
    // Called as a method of nothing: browsers refuse a fetch that is bound to another object.
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    policy: {
      maxRetries: options.maxRetries ?? DEFAULT_MAX_RETRIES,
      baseMs: options.retryBaseMs ?? DEFAULT_RETRY_BASE_MS,
      maxWaitMs: options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS,
      retryRateLimited: options.retryRateLimited ?? false,
    },
    budget: new RetryBudget(),
    deadlines: new Deadlines(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
  });
}

export function queryString(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

function stuckList(): HoldfastError {
  return new HoldfastError({
    code: 'unexpected-answer',
    status: 200,
    title: 'The list does not advance',
    detail: 'A page named itself as the next one.',
  });
}

// The client-side history: every request that went out, how it ended, and when. Whatever a server says about
// itself, this is what its customers were told; spans.ts, sweeps.ts and answers.ts judge by it.
//
// Times are monotonic milliseconds of this process (performance.now), so a clock that is set does not bend
// them; `sentWallMs` is there for people who compare with logs. A request is noted as sent before its first
// byte leaves and as answered after its last byte came: what truly happened lies inside.

import type { Line } from '@holdfast/contract/reservations';
import type { HoldfastError } from './error.ts';
import type { Observer, Operation, SentRequest } from './transport.ts';

/** What came back. An exchange without one is ambiguous: it may have had its effect. */
export interface Received {
  readonly atMs: number;
  readonly status: number;
  /** The problem's code; undefined on success. */
  readonly code: string | undefined;
  /** Parsed body. */
  readonly body: unknown;
  /** Body as received, kept for successes: replays are compared byte for byte. */
  readonly text: string;
  readonly replayed: boolean;
}

export interface Exchange {
  readonly shopper: string;
  readonly operation: Operation;
  readonly idempotencyKey: string | undefined;
  readonly reservationId: string | undefined;
  /** What a reserve asked for; empty on everything else. */
  readonly lines: readonly Line[];
  readonly sentAtMs: number;
  readonly sentWallMs: number;
  received: Received | undefined;
}

/** More than any run here makes; a history beyond it would no longer fit in memory beside the load. */
const MAX_EXCHANGES = 5_000_000;

export class History {
  readonly exchanges: Exchange[] = [];

  constructor(
    private readonly nowMs: () => number = () => performance.now(),
    private readonly wallMs: () => number = () => Date.now(),
  ) {}

  /** To be given to this shopper's client as `observe`. */
  observerOf(shopper: string): Observer {
    return (sent) => {
      const exchange = this.#begin(shopper, sent);
      return (ended) => {
        exchange.received = 'answer' in ended ? this.#success(ended.answer) : this.#refusal(ended.error);
      };
    };
  }

  #begin(shopper: string, { call }: SentRequest): Exchange {
    if (this.exchanges.length >= MAX_EXCHANGES)
      throw new Error(`a history holds at most ${MAX_EXCHANGES} exchanges`);
    const exchange: Exchange = {
      shopper,
      operation: call.operation,
      idempotencyKey: call.idempotencyKey,
      reservationId: call.reservationId,
      lines: call.operation === 'reserve' ? linesOf(call.body) : [],
      sentAtMs: this.nowMs(),
      sentWallMs: this.wallMs(),
      received: undefined,
    };
    this.exchanges.push(exchange);
    return exchange;
  }

  #success(answer: { status: number; json: unknown; text: string; replayed: boolean }): Received {
    const { status, json: body, text, replayed } = answer;
    return { atMs: this.nowMs(), status, code: undefined, body, text, replayed };
  }

  /** No answer (network, timeout, aborted) stays undefined. */
  #refusal(error: HoldfastError): Received | undefined {
    if (error.status === 0) return undefined;
    const { status, code, problem: body } = error;
    return { atMs: this.nowMs(), status, code, body, text: '', replayed: false };
  }
}

/** True if the request surely had no effect: the service refused it for a reason of the request or the stock. */
export function surelyRefused(exchange: Exchange): boolean {
  const status = exchange.received?.status;
  return status !== undefined && status >= 400 && status < 500;
}

export function succeeded(exchange: Exchange): boolean {
  const status = exchange.received?.status;
  return status !== undefined && status >= 200 && status < 300;
}

/** The lines of a body `{sku, quantity}` or `{items}`, merged by SKU; empty if it has none. */
export function linesOf(body: unknown): readonly Line[] {
  if (typeof body !== 'object' || body === null) return [];
  const candidates = 'items' in body && Array.isArray(body.items) ? body.items : [body];
  const bySku = new Map<string, number>();
  for (const line of candidates) {
    if (isLine(line)) bySku.set(line.sku, (bySku.get(line.sku) ?? 0) + line.quantity);
  }
  return [...bySku].map(([sku, quantity]) => ({ sku, quantity }));
}

function isLine(value: unknown): value is Line {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'sku' in value &&
    typeof value.sku === 'string' &&
    'quantity' in value &&
    typeof value.quantity === 'number'
  );
}

// One call over fetch: attempts, their time limit, what is tried again, and the observer that sees every
// request that goes out and how it ended. Nothing here knows what the calls mean.
import type { Deadlines } from './deadlines.ts';
import { errorFromAnswer, HoldfastError } from './error.ts';
import { pauseBeforeRetry, type RetryBudget, type RetryPolicy } from './retry.ts';

export type Operation =
  | 'reserve'
  | 'confirm'
  | 'release'
  | 'extend'
  | 'reservation'
  | 'reservations'
  | 'item'
  | 'items'
  | 'sale'
  | 'sales'
  | 'order'
  | 'orders'
  | 'token'
  | 'createSale'
  | 'addItems'
  | 'changeStock'
  | 'closeSale'
  | 'changeSale'
  | 'operatorReservations'
  | 'operatorReservation'
  | 'releaseForCustomer'
  | 'operatorOrders'
  | 'audit'
  | 'auditCsv'
  | 'reconcile'
  | 'analytics'
  | 'status'
  | 'race';

/** The part of `fetch` that is used here, so that any runtime's or a test's own fits. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;
export type TokenSource = string | (() => string | Promise<string>);

export interface Call {
  readonly operation: Operation;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below baseUrl, with its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  /** The reservation it is about, for observers. */
  readonly reservationId?: string;
  /** The media type of an answer that is text and not JSON. */
  readonly textType?: string;
  /** False for what would have a second effect, or lose the first one's answer, when sent again. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Body as received. */
  readonly text: string;
  /** The parsed body; undefined if it was not JSON. */
  readonly json: unknown;
  /** True if the service gave the answer of an earlier request with this key. */
  readonly replayed: boolean;
}

/** A request as it goes out. `attempt` counts from 1. */
export interface SentRequest {
  readonly call: Call;
  readonly attempt: number;
}

export type EndedRequest = { readonly answer: Answer } | { readonly error: HoldfastError };

/** Called right before each request goes out; what it returns is called once, with how that request ended. */
export type Observer = (sent: SentRequest) => (ended: EndedRequest) => void;

export interface TransportParts {
  readonly baseUrl: string;
  readonly fetch: Fetch;
  readonly policy: RetryPolicy;
  readonly budget: RetryBudget;
  readonly deadlines: Deadlines;
}

/** Whose call it is: what may differ between clients that share a transport. */
export interface Caller {
  readonly token?: TokenSource;
  readonly signal?: AbortSignal;
  readonly observe?: Observer;
}

export class Transport {
  constructor(private readonly parts: TransportParts) {}

  /** The answer to the call if it was a success. @throws HoldfastError otherwise, retries included. */
  async send(call: Call, caller: Caller): Promise<Answer> {
    const { policy, budget } = this.parts;
    budget.recordCall();
    for (let attempt = 1; ; attempt += 1) {
      const ended = await this.#attempt(call, caller, attempt);
      if ('answer' in ended) return ended.answer;
      const pauseMs = call.repeatable
        ? pauseBeforeRetry(policy, ended.error, attempt, Math.random)
        : undefined;
      if (pauseMs === undefined || !budget.take()) throw ended.error;
      await pause(pauseMs, [call.signal, caller.signal]);
    }
  }

  /** The answer as it begins, its body still to be read; sent once. Success only. @throws HoldfastError otherwise. */
  async open(call: Call, caller: Caller): Promise<Response> {
    const signals = [call.signal, caller.signal];
    throwIfAborted(signals);
    const headers = await headersOf(call, caller);
    const controller = new AbortController();
    // Not taken off again: the signals end the body as well.
    forwardAbort(signals, controller);
    this.parts.deadlines.begin(controller);
    try {
      const response = await this.parts.fetch(
        this.parts.baseUrl + call.path,
        initOf(call, headers, controller.signal),
      );
      if (response.ok) return response;
      throw errorFromAnswer(response.status, response.headers, parseJson(await response.text()));
    } catch (cause) {
      throw cause instanceof HoldfastError ? cause : failure(cause, controller.signal.aborted, signals);
    } finally {
      this.parts.deadlines.end(controller);
    }
  }

  async #attempt(call: Call, caller: Caller, attempt: number): Promise<EndedRequest> {
    const signals = [call.signal, caller.signal];
    throwIfAborted(signals);
    const headers = await headersOf(call, caller);
    throwIfAborted(signals);
    const controller = new AbortController();
    const forget = forwardAbort(signals, controller);
    const report = caller.observe?.({ call, attempt });
    this.parts.deadlines.begin(controller);
    let ended: EndedRequest;
    try {
      ended = await this.#exchange(call, headers, controller.signal);
    } catch (cause) {
      ended = { error: failure(cause, controller.signal.aborted, signals) };
    } finally {
      this.parts.deadlines.end(controller);
      forget();
    }
    report?.(ended);
    return ended;
  }

  async #exchange(call: Call, headers: Record<string, string>, signal: AbortSignal): Promise<EndedRequest> {
    const response = await this.parts.fetch(this.parts.baseUrl + call.path, initOf(call, headers, signal));
    const text = await response.text();
    const json = parseJson(text);
    const success = response.status >= 200 && response.status < 300;
    const isText =
      call.textType !== undefined && response.headers.get('content-type')?.startsWith(call.textType);
    if (!success || (json === undefined && !isText))
      return { error: errorFromAnswer(response.status, response.headers, json) };
    const replayed = response.headers.get('idempotency-replayed') === 'true';
    return { answer: { status: response.status, headers: response.headers, text, json, replayed } };
  }
}

async function headersOf(call: Call, caller: Caller): Promise<Record<string, string>> {
  const headers: Record<string, string> = { accept: call.textType ?? 'application/json' };
  const token = typeof caller.token === 'function' ? await caller.token() : caller.token;
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (call.body !== undefined) headers['content-type'] = 'application/json';
  if (call.idempotencyKey !== undefined) headers['idempotency-key'] = call.idempotencyKey;
  return headers;
}

function initOf(call: Call, headers: Record<string, string>, signal: AbortSignal): RequestInit {
  const init: RequestInit = { method: call.method, headers, signal };
  if (call.body !== undefined) init.body = JSON.stringify(call.body);
  return init;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Signals = readonly (AbortSignal | undefined)[];

/** Why a request ended without an answer: the caller's signal, the time limit, or the network. */
function failure(cause: unknown, cutShort: boolean, signals: Signals): HoldfastError {
  if (signals.some((signal) => signal?.aborted)) return aborted(cause);
  return cutShort
    ? new HoldfastError({ code: 'timeout', status: 0, title: 'The service did not answer in time', cause })
    : new HoldfastError({ code: 'network', status: 0, title: 'The service could not be reached', cause });
}

function aborted(cause: unknown): HoldfastError {
  return new HoldfastError({ code: 'aborted', status: 0, title: 'The call was ended by its signal', cause });
}

function throwIfAborted(signals: Signals): void {
  for (const signal of signals) if (signal?.aborted) throw aborted(signal.reason);
}

/** Aborts the controller with any of the signals; the returned function takes the listeners off again. */
function forwardAbort(signals: Signals, controller: AbortController): () => void {
  const abort = () => controller.abort();
  for (const signal of signals) signal?.addEventListener('abort', abort, { once: true });
  return () => {
    for (const signal of signals) signal?.removeEventListener('abort', abort);
  };
}

/** Resolves after the pause. @throws HoldfastError `aborted` at once when a signal ends it. */
function pause(ms: number, signals: Signals): Promise<void> {
  throwIfAborted(signals);
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const forget = forwardAbort(signals, controller);
    const timer = setTimeout(() => {
      forget();
      resolve();
    }, ms);
    controller.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      forget();
      reject(aborted(controller.signal.reason));
    });
  });
}

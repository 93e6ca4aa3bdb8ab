// An operation of the contract with the handler that answers it, and the way there. The checks come in the order
// that the contract promises for refusals, and every one refuses with a value:
//
//   503 too many wait → 401 → 403 forbidden → 413 → 415 → 400 → general limit 429 → id in the path 404 → the handler's own
//
// (405 stands before 413: see http.ts.) So a handler only ever sees a request whose form is right.
import { bodyLimitBytes, type Operation, problemsOf } from '@holdfast/contract/operation';
import type { ProblemCode, Refusal } from '@holdfast/contract/problems';
import * as z from 'zod';
import type { Upgrade } from '../domain/live-socket.ts';
import type { Answer } from '../reservations/reservations.ts';
import type { ClientAddress } from './addresses.ts';
import type { Caller, Gate } from './auth.ts';
import { type Call, type ErrorLog, type ResponseHeaders, routeOf } from './call.ts';
import { type Entry, TOO_MANY_WAIT } from './door.ts';
import { heldUntilOver } from './held-stream.ts';
import { KnownBodies } from './known-bodies.ts';
import { type GeneralLimit, type RequestLimits, tooManyRequests } from './rate.ts';
import { parseJson, readText } from './request-body.ts';
import { idempotencyKeyOf, validate, validateQuery } from './validation.ts';

type BodyOf<O extends Operation> = O extends { body: { schema: infer S extends z.ZodType } }
  ? z.infer<S>
  : unknown;
type QueryOf<O extends Operation> = O extends { query: infer Q extends z.ZodObject } ? z.infer<Q> : unknown;
type WireOf<O extends Operation> = O['success'] extends { streamType: string }
  ? ReadableStream<Uint8Array>
  : O['success'] extends { endless: true }
    ? string | ReadableStream<Uint8Array>
    : O['success'] extends { textType: string }
      ? string
      : z.infer<O['success']['schema']>;

/** What a handler is given; every part has the form that the contract says. */
export interface Checked<O extends Operation> {
  readonly request: Request;
  readonly caller: O['access'] extends 'public' ? null : Caller;
  /** Normalised client address. */
  readonly address: string;
  readonly body: BodyOf<O>;
  readonly query: QueryOf<O>;
  /** The id in the path; empty where there is none. */
  readonly id: string;
  /** Empty where none is called for. */
  readonly idempotencyKey: string;
  /** Makes a WebSocket of the request; undefined where there is no socket. */
  readonly upgrade: Upgrade | undefined;
}

/** What a handler answers: the wire form of its result, or the refusal. */
export type Outcome<Wire> =
  | { readonly ok: true; readonly value: Wire; readonly headers?: ResponseHeaders }
  /** Bytes as they come: the request's time limit ends with the first of them, whoever makes them bounds the rest. */
  | {
      readonly ok: true;
      readonly file: ReadableStream<Uint8Array>;
      readonly mediaType: string;
      readonly headers?: ResponseHeaders;
    }
  /** It is a WebSocket now, and no longer a request. */
  | { readonly ok: true; readonly upgraded: true }
  | { readonly ok: false; readonly refusal: Refusal };

/** A handler with its types forgotten, so that all endpoints fit one list. */
export interface Endpoint {
  readonly operation: Operation;
  readonly handle: (checked: Checked<Operation>) => Promise<Outcome<unknown>>;
}

export function endpoint<const O extends Operation>(
  operation: O,
  handle: (checked: Checked<O>) => Promise<Outcome<WireOf<O>>>,
): Endpoint {
  // The way below checks each part against this very operation before it calls the handler.
  return { operation, handle: handle as unknown as Endpoint['handle'] };
}

/** What stands on the way to every handler. */
export interface Checkpoints {
  readonly gate: Gate;
  readonly clientAddress: ClientAddress;
  readonly generalLimit: GeneralLimit;
  readonly limits: RequestLimits;
  readonly log: ErrorLog;
  /** Counts who is turned away from a route because as many are under way as may be; made once a route. */
  readonly turnedAway: (route: string) => () => void;
}

/** What reserve is refused with before any sale, and so any sale's window, has heard of it. */
const REACHED_NO_SALE: ReadonlySet<ProblemCode> = new Set([
  'unknown-sku',
  'items-span-sales',
  'invalid-request',
]);

/** For operations without a body: nothing, or the empty object that some clients send. */
const EMPTY_BODY = z.strictObject({});

/** Answers calls of one endpoint; `rawId` is the id in the path, decoded but not checked. */
export function openEndpoint(
  { operation, handle }: Endpoint,
  checkpoints: Checkpoints,
  entry: Entry | undefined,
): (call: Call, rawId: string) => Promise<Response> {
  const { success } = operation;
  const mediaType = success.streamType ?? success.textType ?? 'application/json';
  const documented = problemsOf(operation);
  const known = new KnownBodies();
  const countTurnedAway = entry && checkpoints.turnedAway(routeOf(operation));

  return async (call, rawId) => {
    call.operation = operation;
    if (entry?.isShut) return turnAway(call);
    const checked = await check(operation, checkpoints, call, rawId, known);
    if (!checked.ok) return call.refuse(checked.refusal);
    if (entry?.enter() === false) return turnAway(call);
    let outcome: Outcome<unknown>;
    try {
      outcome = await handle(checked.value);
    } finally {
      // Its client may be long gone: the place is free when the work is over, not before.
      entry?.leave();
    }
    if (!outcome.ok) {
      const refusal = await counted(outcome.refusal, checked.value);
      assertDocumented(refusal.code, call);
      return call.refuse(refusal);
    }
    if ('upgraded' in outcome) return new Response(null, { status: 101 });
    // Its time limit ends with its beginning: a stream has one of its own.
    if ('file' in outcome)
      return call.stream(success.status, outcome.mediaType, held(outcome.file), outcome.headers);
    if (outcome.value instanceof ReadableStream)
      return call.stream(success.status, mediaType, held(outcome.value), outcome.headers);
    const text = success.textType === undefined ? JSON.stringify(outcome.value) : String(outcome.value);
    return call.respond(success.status, mediaType, text, outcome.headers);
  };

  function turnAway(call: Call): Response {
    countTurnedAway?.();
    return call.refuse(TOO_MANY_WAIT);
  }

  /**
   * A stream takes back the place that its handler has just left, and keeps it to its end. One that has no end of its own
   * has a seat instead (live-seats.ts).
   */
  function held(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    return !success.endless && entry?.enter() ? heldUntilOver(body, entry.leave) : body;
  }

  /** Guessing SKUs is no way around the limits: an attempt that no sale has counted counts as any other request. */
  async function counted(refusal: Refusal, { caller, address }: Checked<Operation>): Promise<Refusal> {
    if (operation.limit !== 'reserve' || !REACHED_NO_SALE.has(refusal.code)) return refusal;
    const full = await checkpoints.generalLimit(caller?.key ?? null, address);
    return full ? tooManyRequests(checkpoints.limits, full) : refusal;
  }

  /** A code that the contract does not list for this operation is our mistake, not the caller's: answered, and logged. */
  function assertDocumented(code: ProblemCode, call: Call): void {
    if (documented.has(code)) return;
    const fields = { code, route: call.route, request_id: call.requestId };
    checkpoints.log.error(
      fields,
      'refused with a problem that the contract does not list for this operation',
    );
  }
}

async function check(
  operation: Operation,
  { gate, clientAddress, generalLimit, limits }: Checkpoints,
  call: Call,
  rawId: string,
  known: KnownBodies,
): Promise<Answer<Checked<Operation>>> {
  const { request } = call;
  const { headers } = request;

  const gated = gate(headers.get('authorization'), operation.access);
  const admitted = gated instanceof Promise ? await gated : gated;
  if (!admitted.ok) return admitted;
  const caller = admitted.value;

  const body = operation.method === 'GET' ? NOTHING : await checkBody(operation, call, known);
  if (!body.ok) return body;
  const key = operation.idempotencyKey ? idempotencyKeyOf(headers) : NO_KEY;
  if (!key.ok) return key;
  // A page cannot read why its WebSocket was refused: it is made, and closed with a code that says so.
  const told = operation.success.status === 101 && wantsSocket(request);
  const query = operation.query && !told ? validateQuery(operation.query, request.url) : NOTHING;
  if (!query.ok) return query;

  const address = operation.limit === 'none' ? '' : clientAddress(headers, call.peerAddress);
  if (operation.limit === 'requests') {
    const full = await generalLimit(caller?.key ?? null, address);
    if (full) return { ok: false, refusal: tooManyRequests(limits, full) };
  }

  const { pathId } = operation;
  if (pathId && !pathId.schema.safeParse(rawId).success) return unknownId(pathId.unknown);

  // On operations that are not public the gate has answered a caller.
  const { upgrade } = call;
  const checked = {
    request,
    caller: caller as Caller,
    address,
    body: body.value,
    query: query.value,
    upgrade,
  };
  return { ok: true, value: { ...checked, id: rawId, idempotencyKey: key.value } };
}

export function wantsSocket(request: Request): boolean {
  return request.method === 'GET' && request.headers.get('upgrade')?.toLowerCase() === 'websocket';
}

const NOTHING: Answer<unknown> = { ok: true, value: undefined };
const NO_KEY: Answer<string> = { ok: true, value: '' };

async function checkBody(
  operation: Operation,
  { request, deadline }: Call,
  known: KnownBodies,
): Promise<Answer<unknown>> {
  if (deadline) deadline.receiving = true;
  const read = await readText(request, bodyLimitBytes(operation));
  deadline?.received();
  if (!read.ok) return read;
  const text = read.value;
  const before = text === undefined ? undefined : known.find(text);
  if (before !== undefined) return { ok: true, value: before };
  const parsed = text === undefined ? NOTHING : parseJson(text);
  if (!parsed.ok) return parsed;
  const optional = operation.body === undefined || operation.body.optional === true;
  const value = parsed.value === undefined && optional ? {} : parsed.value;
  const valid = validate(operation.body?.schema ?? EMPTY_BODY, value);
  if (valid.ok && text !== undefined) known.keep(text, valid.value);
  return valid;
}

const UNKNOWN_DETAILS: Partial<Record<ProblemCode, string>> = {
  'unknown-sku': 'No item has this SKU. See /api/v1/inventory for those there are.',
  'unknown-sale': 'No sale has this id. See /api/v1/sales for those there are.',
};

/** Header of an answer that was given before, to the same key. */
export const REPLAYED = { 'idempotency-replayed': 'true' };

/** The 404 for an id that is malformed or was not issued to this caller, without asking any store. */
export function unknownId(code: ProblemCode): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { code, detail: UNKNOWN_DETAILS[code] ?? 'There is nothing with this id.' } };
}

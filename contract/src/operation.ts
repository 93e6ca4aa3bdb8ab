// An operation is data: route, who may call it, what it takes, what it answers, and every problem it can answer
// with. The HTTP room turns it into a route, the generator into OpenAPI, so the two cannot disagree.
import type * as z from 'zod';
import type { ProblemCode } from './problems.ts';

/** `public` needs no token, `customer` any valid one, `operator` one with the operator scope. */
export type Access = 'public' | 'customer' | 'operator';

export const OPERATOR_SCOPE = 'holdfast:operator';

/** A customer's largest honest body, a cart of 20 lines, is under 2 KiB. */
export const CUSTOMER_BODY_LIMIT_BYTES = 8 * 1024;
/** A sale of 1,000 items with long names. */
export const OPERATOR_BODY_LIMIT_BYTES = 1024 * 1024;

export interface Operation {
  /** Unique; names the operation in OpenAPI and in generated clients. */
  readonly id: string;
  readonly tag:
    | 'Reservations'
    | 'Inventory'
    | 'Live'
    | 'Sales'
    | 'Orders'
    | 'Access'
    | 'Operators'
    | 'Process';
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path template as OpenAPI writes it: /api/v1/inventory/{sku}. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  /** The id in the path, and the problem for one that is malformed, a stranger's or not there: they read alike. */
  readonly pathId?: {
    readonly name: string;
    readonly schema: z.ZodType<string>;
    readonly unknown: ProblemCode;
  };
  readonly query?: z.ZodObject;
  /** Without one, a request may carry no body or an empty object. */
  readonly body?: { readonly schema: z.ZodType; readonly optional?: true };
  /** True if the operation needs an Idempotency-Key. */
  readonly idempotencyKey?: true;
  /** The rate limit it counts against: `reserve` is counted by the stock store itself. */
  readonly limit: 'reserve' | 'requests' | 'none';
  readonly success: {
    /** 101: a WebSocket, and `schema` is of its messages. What is wrong with the query is told by closing it. */
    readonly status: 101 | 200 | 201;
    readonly description: string;
    readonly schema: z.ZodType;
    /** For the documentation, where the schema's own example would mislead. */
    readonly example?: object;
    /** The value is text of this media type, sent as it is; without it the value is sent as JSON. */
    readonly textType?: string;
    /** The value is a stream of this media type, sent as it comes: the schema is that of one line of it. */
    readonly streamType?: string;
    /** The same rows as a file of this media type, streamed to who asks for it with `Accept` or `?format`. */
    readonly fileType?: string;
    /** An answer that goes on until one side has had enough; `schema` is of each of its pieces. */
    readonly endless?: true;
  };
  /** Problems of its own, beyond those that its shape implies (see problemsOf). */
  readonly problems: readonly ProblemCode[];
}

/** Keeps the literal types, so that a route's handler knows exactly what it is given and owes. */
export function operation<const O extends Operation>(shape: O): O {
  return shape;
}

export function bodyLimitBytes(of: Operation): number {
  return of.access === 'operator' ? OPERATOR_BODY_LIMIT_BYTES : CUSTOMER_BODY_LIMIT_BYTES;
}

/** Every problem the operation can answer with: its own and those its shape implies. */
export function problemsOf(of: Operation): ReadonlySet<ProblemCode> {
  const codes = new Set<ProblemCode>(of.problems);
  if (of.access !== 'public') codes.add('unauthenticated').add('unavailable');
  if (of.access === 'operator') codes.add('forbidden');
  if (of.pathId) codes.add(of.pathId.unknown);
  if (of.query) codes.add('invalid-request');
  if (of.method !== 'GET') {
    codes.add('invalid-request').add('body-too-large').add('unsupported-media-type');
  }
  if (of.idempotencyKey) codes.add('idempotency-key-required').add('idempotency-key-reused');
  if (of.limit !== 'none') codes.add('rate-limited').add('unavailable');
  return codes.add('internal');
}

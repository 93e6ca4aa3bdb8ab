// The one error this client throws. What the service refused carries the problem it answered with
// (RFC 9457); what never got an answer has a code of the client's own.
import type { InvalidPart, ProblemCode } from '@holdfast/contract/problems';

/** Codes for what is not an answer of the service. */
export type ClientCode =
  /** No connection, or it broke: the request may or may not have had its effect. */
  | 'network'
  /** No complete answer in time: the request may or may not have had its effect. */
  | 'timeout'
  /** The caller's signal ended the call. */
  | 'aborted'
  /** Something that is not this service's contract answered: a proxy's page, a broken body. */
  | 'unexpected-answer';

/** A newer service may know codes that this client does not. */
export type HoldfastErrorCode = ProblemCode | ClientCode | (string & {});

/** The body of a problem answer; members beyond these depend on the code (`available`, `may_return`, `held`, …). */
export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly code: string;
  readonly request_id?: string;
  readonly errors?: readonly InvalidPart[];
  readonly [member: string]: unknown;
}

export interface HoldfastErrorParts {
  readonly code: HoldfastErrorCode;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly title: string;
  readonly detail?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly problem?: Problem | undefined;
  readonly cause?: unknown;
}

export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: HoldfastErrorCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** What was wrong with the request, by JSON Pointer. Empty unless the code is `invalid-request`. */
  readonly errors: readonly InvalidPart[];
  /** The whole body of the refusal; undefined when there was no answer. */
  readonly problem: Problem | undefined;
  /** On a failed reserve: the key it was sent with. A later retry with it can have no second effect. */
  idempotencyKey: string | undefined;

  constructor(parts: HoldfastErrorParts) {
    super(parts.detail === undefined ? parts.title : `${parts.title}: ${parts.detail}`, {
      cause: parts.cause,
    });
    this.code = parts.code;
    this.status = parts.status;
    this.title = parts.title;
    this.detail = parts.detail;
    this.requestId = parts.requestId;
    this.retryAfterSeconds = parts.retryAfterSeconds;
    this.errors = parts.problem?.errors ?? [];
    this.problem = parts.problem;
  }

  /** True if the same call, with the same key, may succeed later without anything else changing. */
  get isRetryable(): boolean {
    return this.code === 'network' || this.code === 'timeout' || this.status === 503 || this.status === 429;
  }
}

/** The error that an answer other than success stands for. `body` is the parsed JSON, undefined if it was none. */
export function errorFromAnswer(status: number, headers: Headers, body: unknown): HoldfastError {
  const requestId = headers.get('x-request-id') ?? undefined;
  const retryAfterSeconds = parseRetryAfter(headers.get('retry-after'), Date.now());
  if (!isProblem(body)) {
    return new HoldfastError({
      code: 'unexpected-answer',
      status,
      title: `The answer (HTTP ${status}) is not one of Holdfast's`,
      detail: 'Check that baseUrl names the service and what stands between.',
      requestId,
      retryAfterSeconds,
    });
  }
  return new HoldfastError({
    code: body.code,
    status,
    title: body.title ?? body.code,
    detail: body.detail,
    requestId: requestId ?? body.request_id,
    retryAfterSeconds,
    problem: body,
  });
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string';
}

/** Retry-After is seconds or an HTTP date (RFC 9110 §10.2.3); undefined if absent or neither. */
export function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value);
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}

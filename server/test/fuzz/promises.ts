// What every answer promises, whatever came in: never a surprise, only what the document lists for the operation, in
// the form that it says, with the headers that belong to it, and nothing of the input repeated in a refusal.
import type { RawAnswer, RawRequest } from '../hostile/raw-http.ts';
import { type Answerable, type Described, type Met, meet } from './contract.ts';
import { CANARY } from './values.ts';

/** What the schemas cannot say and the descriptions do: a 400 for one of these may meet a body that fits. */
const BEYOND_THE_SCHEMA: readonly RegExp[] = [
  /^must be at most \d+, the time this sale grants$/,
  /^must be after opens_at$/,
  /^must leave (closes_at after opens_at|max_lifetime_seconds at or above reservation_ttl_seconds)$/,
  /^must not be less than reservation_ttl_seconds$/,
  /^must not be there twice$/,
  /^must not bring the units of one SKU above 100$/,
  /^must not bring the total above \d+$/,
  /^must not be -0$/,
  /^must be an RFC 3339 instant /,
  /^must be a next_cursor of an earlier answer$/,
  /^must be there once$/,
  /^must be before `to`$/,
  /^must be (longer|nearer to `to`): at most \d+ points are answered$/,
  /^Idempotency-Key and X-Idempotency-Key must not differ$/,
];

/** The promises that the answer breaks, in words; empty for a good one. */
export function brokenPromises(request: RawRequest, answer: RawAnswer): string[] {
  const met = meet(request.method, request.target);
  return [...always(request, answer, met), ...ofWhatItMet(request, answer, met)];
}

function* always(request: RawRequest, answer: RawAnswer, met: Met): Generator<string> {
  const { status, headers, text } = answer;
  if (status >= 500) yield `status ${status}`;
  const id = headers.get('x-request-id') ?? '';
  const given = headersNamed(request, 'x-request-id');
  const kept = given.length === 1 && /^[A-Za-z0-9_-]{1,64}$/.test(given[0] ?? '');
  if (kept ? id !== given[0] : !/^[0-9a-f-]{36}$/.test(id)) yield `X-Request-Id is ${JSON.stringify(id)}`;
  if (headers.get('x-content-type-options') !== 'nosniff') yield 'may be sniffed';
  // Pages of the web app are kept, and asked after each time.
  const keeps = met.kind === 'app-page' && status < 300 ? 'no-cache' : 'no-store';
  if (headers.get('cache-control') !== keeps) yield `may be stored: ${headers.get('cache-control')}`;
  if ([...headers.keys()].some((name) => name.startsWith('access-control-')))
    yield 'CORS headers for a stranger';
  if (status >= 400 && text.includes(CANARY)) yield 'repeats the input';
  if (status >= 400 && /\bat \S+ \(|\.ts:\d|node_modules/.test(text)) yield 'shows a stack';
  if (request.method === 'HEAD' && text !== '') yield 'HEAD with a body';
}

function* ofWhatItMet(request: RawRequest, answer: RawAnswer, met: Met): Generator<string> {
  const { status, headers } = answer;
  switch (met.kind) {
    case 'app-page':
    case 'page': {
      const expected = ['GET', 'HEAD'].includes(request.method) ? 200 : 405;
      if (status !== expected && status !== 429) yield `a page answered ${status}`;
      return;
    }
    case 'nothing':
      // Probing paths is no way around the limit.
      yield* problem(answer, request, ['not-found', 'rate-limited']);
      return;
    case 'other-method': {
      yield* problem(answer, request, ['method-not-allowed', 'unauthenticated', 'forbidden']);
      const allowed = met.here.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
      if (status === 405 && headers.get('allow') !== allowed.join(', '))
        yield `Allow is ${headers.get('allow')}`;
      return;
    }
    case 'operation': {
      const listed = met.operation.answers.get(status);
      if (!listed) yield `${met.operation.id} does not list status ${status}`;
      else yield* ofOperation(request, answer, met.operation, met.id, listed);
    }
  }
}

function* ofOperation(
  request: RawRequest,
  answer: RawAnswer,
  operation: Described,
  id: string,
  listed: Answerable,
): Generator<string> {
  const { status, headers } = answer;
  const type = headers.get('content-type') ?? '';
  if (listed.fileTypes.some((file) => type.startsWith(`${file};`))) return;
  if (type !== listed.mediaType) yield `content type ${type}`;
  const missing = (ALWAYS_WITH[status] ?? []).filter((name) => !listed.headers.includes(name));
  if (missing.length > 0) yield `${status} does not list ${missing}`;
  if (headers.has('retry-after') && !/^[1-9]\d*$/.test(headers.get('retry-after') ?? ''))
    yield 'Retry-After is no number of seconds';
  if (headers.has('idempotency-replayed') && !listed.headers.includes('Idempotency-Replayed'))
    yield 'an unlisted replay';
  if (request.method === 'HEAD') return;

  const body: unknown = JSON.parse(answer.text);
  if (!listed.validate(body)) yield `does not fit its schema: ${JSON.stringify(listed.validate.errors)}`;
  if (status >= 400) yield* problem(answer, request, [...listed.codes]);

  const unfit = whatDoesNotFit(request, operation, id);
  if (status < 300 && unfit !== undefined) yield `accepted although ${unfit}`;
  if (status === 400 && unfit === undefined && !refusedBeyondSchema(body))
    yield 'refused although all of it fits';
}

const ALWAYS_WITH: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  503: ['Retry-After'],
};

interface Problem {
  readonly type: string;
  readonly status: number;
  readonly code: string;
  readonly request_id: string;
  readonly errors?: readonly { readonly message: string }[];
}

function* problem(answer: RawAnswer, request: RawRequest, codes: readonly string[]): Generator<string> {
  const { status, headers, text } = answer;
  for (const name of ALWAYS_WITH[status] ?? [])
    if (!headers.has(name.toLowerCase())) yield `${status} without ${name}`;
  if (headers.get('content-type') !== 'application/problem+json')
    yield `no problem but ${headers.get('content-type')}`;
  if (request.method === 'HEAD') return;
  const body = JSON.parse(text) as Problem;
  if (!codes.includes(body.code)) yield `the code ${body.code} is not listed`;
  if (body.status !== status) yield `status ${body.status} in a ${status}`;
  if (body.type !== `https://holdfast.dev/problems/${body.code}`) yield `type ${body.type}`;
  if (body.request_id !== headers.get('x-request-id')) yield 'another request id';
  if (status === 401 && !headers.get('www-authenticate')?.startsWith('Bearer '))
    yield '401 without a challenge';
}

function refusedBeyondSchema(body: unknown): boolean {
  const { errors } = body as Problem;
  return errors?.every(({ message }) => BEYOND_THE_SCHEMA.some((words) => words.test(message))) ?? false;
}

/** The first part of the request that the document does not allow, in words; undefined if it allows all of it. */
function whatDoesNotFit(
  request: RawRequest,
  { parameters, body }: Described,
  id: string,
): string | undefined {
  for (const { name, in: place, required, validate } of parameters) {
    const values =
      place === 'path'
        ? [decoded(id)]
        : place === 'query'
          ? queryNamed(request, name)
          : headerOrAlias(request, name);
    if (values.length === 0 && required) return `${name} is missing`;
    if (values.length > 1) return `${name} is there twice`;
    if (values.length === 1 && !validate(typed(name, values[0] ?? ''))) return `${name} does not fit`;
  }
  return request.method === 'GET' || request.method === 'HEAD'
    ? undefined
    : whatOfBodyDoesNotFit(request, body);
}

/** Where no body is described, none and an empty object are the same. */
function whatOfBodyDoesNotFit(
  { body: bytes = '' }: RawRequest,
  described: Described['body'],
): string | undefined {
  if (bytes.length === 0) return described?.required ? 'there is no body' : undefined;
  let value: unknown;
  try {
    value = JSON.parse(typeof bytes === 'string' ? bytes : strictUtf8.decode(bytes));
  } catch {
    return 'the body is no JSON';
  }
  if (described) return described.validate(value) ? undefined : 'the body does not fit';
  return JSON.stringify(value) === '{}' ? undefined : 'there is a body';
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** A number in a query is text. */
function typed(name: string, value: string): unknown {
  return (name === 'limit' || name === 'step') && /^\d+$/.test(value) ? Number(value) : value;
}

function queryNamed({ target }: RawRequest, name: string): string[] {
  return new URL(`http://shop.test${target}`).searchParams.getAll(name);
}

function headersNamed({ headers = [] }: RawRequest, name: string): string[] {
  return headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value);
}

/** The seed's name for the key is understood as well; the same key in both is one. */
function headerOrAlias(request: RawRequest, name: string): string[] {
  const plain = headersNamed(request, name.toLowerCase());
  const all = [...plain, ...headersNamed(request, `x-${name.toLowerCase()}`)];
  return plain.length > 1 ? plain : [...new Set(all)];
}

// Whole requests, planned from the document's operations: mostly good, often good but for one thing, sometimes
// nonsense. A plan is data, so that a failing one can be shrunk and printed; it becomes bytes when it is sent.
import fc from 'fast-check';
import type { RawRequest } from '../hostile/raw-http.ts';
import { type Described, OPERATIONS } from './contract.ts';
import { filledIn, HOSTILE_STRINGS, hostile, nearly, Pick, type PoolName, pick, valuesOf } from './values.ts';

/** `index` of a customer, or who else is calling. */
export type Actor =
  | { readonly kind: 'customer'; readonly index: number }
  | { readonly kind: 'operator' | 'nobody' }
  | { readonly kind: 'forged'; readonly authorization: string };

type Text = string | Pick;
type Header = readonly [name: string, value: string];

type BodyPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string; readonly spoil: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

export interface Plan {
  readonly operation: string;
  readonly method: string;
  readonly actor: Actor;
  /** The template's segments, the id among them. */
  readonly segments: readonly Text[];
  readonly query: readonly (readonly [name: string, value: Text])[];
  readonly headers: readonly Header[];
  readonly body: BodyPlan;
}

export const CUSTOMERS = 5;

const weighted = <T>(...options: [weight: number, arbitrary: fc.Arbitrary<T>][]): fc.Arbitrary<T> =>
  fc.oneof(...options.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** How often each is called, for one of the others: what changes stock most, what makes sales least. */
const WEIGHTS: Readonly<Record<string, number>> = {
  reserve: 45,
  confirm: 10,
  releaseReservation: 6,
  extendReservation: 10,
  releaseForCustomer: 4,
  inspectReservation: 5,
  createSale: 3,
  addItems: 3,
  closeSale: 1,
  runRace: 1,
  getHealth: 1,
  getReadiness: 1,
  getOpenApi: 1,
};

/** Any request to any operation. */
export function anyPlan(): fc.Arbitrary<Plan> {
  return weighted(
    ...OPERATIONS.map((operation): [number, fc.Arbitrary<Plan>] => [
      WEIGHTS[operation.id] ?? 3,
      plansOf(operation),
    ]),
  );
}

function plansOf(operation: Described): fc.Arbitrary<Plan> {
  return fc.record({
    operation: fc.constant(operation.id),
    method: methodsOf(operation),
    actor: actorsOf(operation),
    segments: segmentsOf(operation),
    query: queriesOf(operation),
    headers: headersOf(operation),
    body: bodiesOf(operation).map((body) => (operation.id === 'runRace' ? asSmallRace(body) : body)),
  });
}

/** A valid race may be of thousands, and goes on for half a minute: a few show the same. */
function asSmallRace(body: BodyPlan): BodyPlan {
  const value = body.kind === 'json' ? (body.value as { shoppers?: unknown } | null) : null;
  if (typeof value !== 'object' || value === null || !Number.isInteger(value.shoppers)) return body;
  const shoppers = value.shoppers as number;
  return shoppers > 5 && shoppers <= 2_000 ? { kind: 'json', value: { ...value, shoppers: 5 } } : body;
}

function methodsOf({ method }: Described): fc.Arbitrary<string> {
  const others = fc.constantFrom(
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
  );
  return weighted([20, fc.constant(method)], [1, others]);
}

function actorsOf({ access }: Described): fc.Arbitrary<Actor> {
  const customer = fc.nat({ max: CUSTOMERS - 1 }).map((index): Actor => ({ kind: 'customer', index }));
  const operator = fc.constant<Actor>({ kind: 'operator' });
  const nobody = fc.constant<Actor>({ kind: 'nobody' });
  const forged = fc
    .constantFrom(
      '',
      'Bearer',
      'Basic YTpi',
      'Bearer a.b.c',
      `Bearer ${'x'.repeat(5_000)}`,
      'Bearer eyJhbGciOiJub25lIn0.e30.',
    )
    .map((authorization): Actor => ({ kind: 'forged', authorization }));
  const own = access === 'operator' ? operator : access === 'public' ? nobody : customer;
  return weighted([14, own], [1, customer], [1, operator], [1, nobody], [1, forged]);
}

const HOSTILE_SEGMENTS = [
  '..',
  '.',
  '',
  '%2e%2e',
  '..%2f',
  '%00',
  '%',
  '%ff',
  '%252f',
  'a;b',
  '__proto__',
  'x'.repeat(65),
  'é',
  '*',
  '~',
];

function segmentsOf(operation: Described): fc.Arbitrary<readonly Text[]> {
  const id = operation.parameters.find(({ in: place }) => place === 'path');
  const ids = id
    ? weighted<Text>(
        [12, valuesOf(id.schema, 'known') as fc.Arbitrary<Text>],
        [1, fc.constantFrom(...HOSTILE_SEGMENTS)],
        [1, fc.constantFrom<PoolName>('sku', 'sale', 'reservation', 'order').chain(pick)],
      )
    : fc.constant<Text>('');
  const template = operation.path.slice(1).split('/');
  const good = ids.map((value) =>
    template.map((segment): Text => (segment.startsWith('{') ? value : segment)),
  );
  const bent = fc
    .tuple(good, fc.nat(), fc.constantFrom(...HOSTILE_SEGMENTS), fc.boolean())
    .map(([segments, place, segment, replace]) =>
      segments.toSpliced(place % (segments.length + 1), replace ? 1 : 0, segment),
    );
  return weighted([14, good], [1, bent]);
}

function queriesOf({ parameters }: Described): fc.Arbitrary<Plan['query']> {
  const known = parameters.filter(({ in: place }) => place === 'query');
  const stranger = fc.tuple(
    fc.constantFrom('utm_source', '__proto__', 'limit[]', 'x'),
    fc.string({ maxLength: 8 }),
  );
  if (known.length === 0)
    return weighted([8, fc.constant<Plan['query']>([])], [1, fc.array(stranger, { maxLength: 2 })]);
  const one = fc.constantFrom(...known).chain(({ name, schema }) => {
    const good =
      name === 'cursor'
        ? pick('cursor')
        : valuesOf(schema, 'known').map((value) => (value instanceof Pick ? value : String(value)));
    const bad = fc.oneof(
      fc.constantFrom(...HOSTILE_STRINGS),
      fc.constantFrom('0', '201', '1e1', '0x10', ' 5', 'AAAA'),
    );
    return fc.tuple(fc.constant(name), weighted<Text>([5, good], [1, bad], [1, pick('cursor')]));
  });
  return fc.array(weighted([8, one], [1, stranger]), { maxLength: 3 });
}

/** Some come again, most are new. */
const keys = fc.oneof(fc.nat({ max: 9 }), fc.nat()).map((index) => `key-${index}`);
const printable = fc.stringMatching(/^[\x21-\x7e\xa1-\xff]{0,40}$/);

function headersOf(operation: Described): fc.Arbitrary<readonly Header[]> {
  const named = (name: string, values: fc.Arbitrary<string>): fc.Arbitrary<readonly Header[]> =>
    values.map((value) => [[name, value]]);
  const none = fc.constant<readonly Header[]>([]);
  const key = named('Idempotency-Key', keys);
  const oddKey = named(
    'Idempotency-Key',
    fc.oneof(printable, fc.constantFrom('', 'x'.repeat(255), 'x'.repeat(256), 'a b')),
  );
  const twoKeys = fc.constant<readonly Header[]>([
    ['Idempotency-Key', 'key-1'],
    ['X-Idempotency-Key', 'key-2'],
  ]);
  const repeatedKey = fc.constant<readonly Header[]>([
    ['Idempotency-Key', 'key-1'],
    ['Idempotency-Key', 'key-1'],
  ]);
  const keyed = operation.parameters.some(({ name }) => name === 'Idempotency-Key');
  const type = named('Content-Type', fc.constantFrom('application/json', 'Application/JSON; charset=utf-8'));
  const oddType = named(
    'Content-Type',
    fc.oneof(
      fc.constantFrom(
        'text/plain',
        'application/json; charset=utf-16',
        'application/x-www-form-urlencoded',
        '',
      ),
      printable,
    ),
  );
  return fc
    .tuple(
      keyed
        ? weighted([30, key], [1, none], [1, twoKeys], [1, repeatedKey], [2, oddKey])
        : weighted([8, none], [1, oddKey]),
      operation.body
        ? weighted([30, type], [1, none], [1, oddType])
        : weighted([6, none], [2, type], [1, oddType]),
      weighted([20, none], [1, named('Content-Encoding', fc.constantFrom('gzip', 'identity', 'br', 'x'))]),
      weighted(
        [4, none],
        [2, named('X-Request-Id', fc.constantFrom('req-1', 'A_z-9'))],
        [1, named('X-Request-Id', printable)],
      ),
      weighted(
        [6, none],
        [1, named('X-Forwarded-For', fc.ipV4())],
        [1, named('Origin', fc.constantFrom('null', 'https://evil.test'))],
      ),
    )
    .map((groups) => groups.flat());
}

const BYTE_ORDER_MARK = '\ufeff';
const SPOILS = [
  '',
  BYTE_ORDER_MARK,
  ',',
  '}',
  ']',
  '\u0000',
  '{}',
  ' '.repeat(9_000),
  '['.repeat(3_000),
  'NaN',
];

function bodiesOf({ body, method, access }: Described): fc.Arbitrary<BodyPlan> {
  const none = fc.constant<BodyPlan>({ kind: 'none' });
  const json = (values: fc.Arbitrary<unknown>) => values.map((value): BodyPlan => ({ kind: 'json', value }));
  const bytes = fc.uint8Array({ maxLength: 60 }).map((raw): BodyPlan => ({ kind: 'bytes', bytes: raw }));
  if (!body) {
    const stray = weighted([1, json(fc.constant({}))], [1, json(hostile)], [1, bytes]);
    return method === 'GET' ? weighted([30, none], [1, stray]) : weighted([8, none], [1, stray]);
  }
  // Operators make things, customers use them.
  const good = valuesOf(body.schema, access === 'operator' ? 'new' : 'known');
  const spoilt = fc
    .tuple(hostile, fc.constantFrom(...SPOILS), fc.boolean())
    .map(([value, spoil, first]): BodyPlan => {
      const text = JSON.stringify(value) ?? '';
      return { kind: 'text', text: first ? `${spoil}${text}` : `${text}${spoil}`, spoil };
    });
  return weighted(
    [24, json(good)],
    [6, json(nearly(good))],
    [1, json(hostile)],
    [1, spoilt],
    [1, bytes],
    [1, none],
  );
}

/** The request as it goes out. */
export function requestOf(
  plan: Plan,
  member: (of: Pick) => string,
  authorizationOf: (actor: Actor) => string | null,
): RawRequest {
  const text = (piece: Text): string => (piece instanceof Pick ? member(piece) : piece);
  const path = `/${plan.segments.map((segment) => inTarget(text(segment))).join('/')}`;
  const query = plan.query.map(([name, value]) => `${encode(name)}=${encode(text(value))}`).join('&');
  const authorization = authorizationOf(plan.actor);
  const headers: Header[] = [
    ...(authorization === null ? [] : [['Authorization', authorization] as const]),
    ...plan.headers.map(([name, value]): Header => [name, value.trim()]),
  ];
  const body = bodyOf(plan.body, member);
  return {
    method: plan.method,
    target: query === '' ? path : `${path}?${query}`,
    headers,
    ...(body !== undefined && { body }),
  };
}

function bodyOf(body: BodyPlan, member: (of: Pick) => string): string | Uint8Array | undefined {
  switch (body.kind) {
    case 'none':
      return undefined;
    case 'json':
      return JSON.stringify(filledIn(body.value, member)) ?? '';
    case 'text':
      return body.text;
    case 'bytes':
      return body.bytes;
  }
}

/** Percent-encodes only what a request line cannot carry: everything else is the hostile part. */
function inTarget(segment: string): string {
  return segment.replace(/[^\x21-\x7e]|[?#]/gu, encode);
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

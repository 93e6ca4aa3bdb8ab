// JSON values from the document's schemas: ones that fit, ones that fit but for one place, and ones that are hostile.
// Ids of things that exist cannot be known when a value is planned, so a plan says "the third reservation there is"
// (a Pick) and is filled in when it is sent.
import fc from 'fast-check';
import { resolve, type Schema } from './contract.ts';

export type PoolName = 'sku' | 'sale' | 'reservation' | 'order' | 'cursor';

/** Stands for a member of a pool; the index wraps around. */
export class Pick {
  constructor(
    readonly pool: PoolName,
    readonly index: number,
  ) {}
}

export const pick = (pool: PoolName): fc.Arbitrary<Pick> =>
  // The first few are the ones that stay: stock that lasts, in sales that nobody closes.
  fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 500 })).map((index) => new Pick(pool, index));

/** Never in a good request, so never in an answer. */
export const CANARY = 'CANARY<7f3a>';

export const HOSTILE_STRINGS: readonly string[] = [
  '',
  ' ',
  CANARY,
  '\u0000',
  'a\r\nX-Injected: 1',
  '\u001b[2J\u001b[31m',
  '\u009b31m',
  '\u2028\u202e\ufeff',
  '\ud800',
  'Ａ\u200b\u0410',
  '{x}:*',
  '__proto__',
  'constructor',
  "' OR 1=1--",
  '../../etc/passwd',
  '%2e%2e%2f%00',
  '{{7*7}}',
  '<script>alert(1)</script>',
  'reserve',
  'x'.repeat(65),
  'x'.repeat(5_000),
  '😀'.repeat(199),
];

const HOSTILE_NUMBERS: readonly number[] = [
  0,
  -0,
  -1,
  1.5,
  101,
  86_401,
  100_000_001,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e300,
  5e-324,
];

export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...HOSTILE_STRINGS),
  fc.constantFrom<unknown>(...HOSTILE_NUMBERS),
  fc.constantFrom<unknown>(null, true, [], {}, [[]], { sku: {} }, '2'),
  fc.jsonValue(),
);

/** Ids look like themselves: their pattern says which pool they come from. */
const POOL_OF_PATTERN: readonly (readonly [start: string, pool: PoolName])[] = [
  ['^(?!reserve$)', 'sku'],
  ['^rsv_', 'reservation'],
  ['^ord_', 'order'],
  ['^[a-z0-9][a-z0-9-]', 'sale'],
];

/** Lists that may be long are mostly short: what matters is decided by the first few entries. */
const LONGEST_LIST = 4;

/** Are ids mostly those of things that exist, or mostly new ones? */
export type Ids = 'known' | 'new';

/** Values that fit the schema. */
export function valuesOf(unresolved: Schema, ids: Ids): fc.Arbitrary<unknown> {
  const schema = resolve(unresolved);
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((option) => valuesOf(option, ids)));
  switch (schema.type) {
    case 'object':
      return objectsOf(schema, ids);
    case 'array': {
      const { minItems = 0, maxItems = LONGEST_LIST } = schema;
      return fc.array(valuesOf(schema.items ?? {}, ids), {
        minLength: minItems,
        maxLength: Math.min(maxItems, LONGEST_LIST),
      });
    }
    case 'string':
      return stringsOf(schema, ids);
    case 'integer':
      return integersOf(schema).filter((number) => number !== schema.not?.const);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      throw new Error(`no generator for ${JSON.stringify(schema)}`);
  }
}

function objectsOf({ properties = {}, required = [] }: Schema, ids: Ids): fc.Arbitrary<unknown> {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [name, valuesOf(member, ids)]),
  );
  return fc.record(members, { requiredKeys: [...required], noNullPrototype: true });
}

function integersOf({ minimum = -(2 ** 53) + 1, maximum = 2 ** 53 - 1 }: Schema): fc.Arbitrary<number> {
  // Small numbers are the ones that are granted: the least there are, or those around zero.
  const [low, high] = minimum < 0 && maximum > 0 ? [-5, 5] : [minimum, minimum + 5];
  return fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: Math.max(minimum, low), max: Math.min(maximum, high) }) },
    { weight: 1, arbitrary: fc.constantFrom(minimum, maximum) },
    { weight: 1, arbitrary: fc.integer({ min: minimum, max: maximum }) },
  );
}

function stringsOf(
  { pattern, format, minLength = 0, maxLength = 40 }: Schema,
  ids: Ids,
): fc.Arbitrary<unknown> {
  if (format === 'date-time') return instants;
  if (pattern === undefined) return fc.string({ minLength, maxLength });
  const fits = new RegExp(pattern, 'u');
  const pool = POOL_OF_PATTERN.find(([start]) => pattern.startsWith(start))?.[1];
  // fast-check knows neither lookaheads nor negated Unicode properties: these are generated wider, and filtered.
  const generated = pattern.includes('\\p{')
    ? fc.oneof(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
        fc.constantFrom('x'.repeat(200), '😀'.repeat(200), 'é'),
      )
    : fc.stringMatching(new RegExp(pattern.replace('(?!reserve$)', ''), 'u'));
  const fitting = generated.filter((text) => fits.test(text) && [...text].length >= minLength);
  if (pool === undefined) return fitting;
  const [known, fresh] = ids === 'known' ? [6, 1] : [1, 8];
  return fc.oneof({ weight: known, arbitrary: pick(pool) }, { weight: fresh, arbitrary: fitting });
}

/** Around now, so that sales open and close while the test runs, and far away. */
const instants = fc.oneof(
  fc
    .date({ noInvalidDate: true, min: new Date(Date.now() - 60_000), max: new Date(Date.now() + 60_000) })
    .map((date) => date.toISOString()),
  fc.constantFrom('1970-01-01T00:00:00Z', '2099-12-31T23:59:59.999+14:00', '2024-02-29T12:00:00.1-08:00'),
);

/** The value with one place changed: replaced by something hostile, taken away, or joined by a stranger. */
export function nearly(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      values,
      fc.nat(),
      fc.constantFrom('replace', 'remove', 'add', 'repeat'),
      hostile,
      fc.constantFrom(...STRANGERS),
    )
    .map(([value, place, how, instead, stranger]) => {
      const copy = structuredCopy(value);
      const holders = holdersIn(copy);
      const holder = holders[place % Math.max(1, holders.length)];
      if (holder === undefined) return instead;
      const names = Object.keys(holder);
      const name = names[place % Math.max(1, names.length)];
      if (Array.isArray(holder) && (how === 'add' || name === undefined)) holder.push(instead);
      else if (Array.isArray(holder) && how === 'repeat') holder.push(...holder);
      else if (how === 'add' || name === undefined)
        Object.defineProperty(holder, stranger, { value: instead, ...OWN });
      else if (how === 'remove') delete holder[name];
      else holder[name] = instead;
      return copy;
    });
}

const STRANGERS = [
  'price',
  'customer_id',
  'status',
  'expires_at',
  'role',
  '__proto__',
  'constructor',
  CANARY,
  '',
];
const OWN = { enumerable: true, configurable: true, writable: true };

type Holder = Record<string, unknown>;

/** Copies plain data; a Pick stays what it is. */
function structuredCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCopy);
  if (typeof value !== 'object' || value === null || value instanceof Pick) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, structuredCopy(member)]));
}

/** Every object and array in the value, the outermost first. */
function holdersIn(value: unknown): Holder[] {
  if (typeof value !== 'object' || value === null || value instanceof Pick) return [];
  return [value as Holder, ...Object.values(value).flatMap(holdersIn)];
}

/** The value with every Pick replaced by what it stands for. */
export function filledIn(value: unknown, member: (of: Pick) => string): unknown {
  if (value instanceof Pick) return member(value);
  if (Array.isArray(value)) return value.map((entry) => filledIn(entry, member));
  if (typeof value !== 'object' || value === null) return value;
  const filled: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(value))
    Object.defineProperty(filled, name, { value: filledIn(entry, member), ...OWN });
  return filled;
}

// For each operation that takes a body: bodies that are right and in which every field of its schema is there, and what
// becomes of them when one field is replaced. So a row of docs/security.md is walked over all fields of all routes.
import type { Operation } from '@holdfast/contract/operation';
import { OPERATIONS } from '@holdfast/contract/operations';
import * as z from 'zod';

export interface Names {
  readonly sku: string;
  readonly reservationId: string;
}

/** By operation id. Where a body has forms, one of each. */
export function fullBodies({ sku, reservationId }: Names): Readonly<Record<string, readonly object[]>> {
  const item = {
    sku: 'NEW-1',
    name: 'New',
    stock: 5,
    price: { amount_minor: 2999, currency: 'USD' },
    max_per_customer: 2,
  };
  return {
    reserve: [
      { sku, quantity: 1, ttl_seconds: 60 },
      { items: [{ sku, quantity: 1 }], ttl_seconds: 60 },
    ],
    extendReservation: [{ seconds: 60 }],
    confirm: [{ reservation_id: reservationId, payment_reference: 'pi_1' }],
    issueToken: [{ customer_id: 'alice' }],
    createSale: [
      {
        id: 'new',
        name: 'New',
        opens_at: '2030-04-01T10:00:00.000Z',
        closes_at: '2030-04-02T10:00:00.000Z',
        reservation_ttl_seconds: 300,
        max_extensions: 1,
        max_lifetime_seconds: 900,
        cooldown: { expirations: 3, minutes: 10 },
        items: [item],
      },
    ],
    changeSale: [
      {
        name: 'Newer',
        opens_at: '2030-04-01T10:00:00.000Z',
        closes_at: '2030-04-02T10:00:00.000Z',
        reservation_ttl_seconds: 300,
        max_extensions: 1,
        max_lifetime_seconds: 900,
        cooldown: { expirations: 3, minutes: 10 },
      },
    ],
    releaseForCustomer: [{ reason: 'asked for it' }],
    addItems: [{ items: [item] }],
    changeStock: [{ delta: 5, reason: 'delivery', reference: 'PO-1', expected_total: 100 }],
    runRace: [{ shoppers: 2, units: 1, max_per_customer: 1, seed: 1 }],
    reconcile: [{ sale_id: 'none', cursor: '00000000-0000-0000-0000-000000000000.0' }],
  };
}

export const WITH_BODY: readonly Operation[] = (OPERATIONS as readonly Operation[]).filter(
  ({ body }) => body !== undefined,
);

/** Fields of the operation's body, as JSON Pointers without indices, from its schema. */
export function fieldsOf({ body }: Operation): Set<string> {
  const found = new Set<string>();
  if (body) collect(z.toJSONSchema(body.schema, { io: 'input' }) as Node, '', found);
  return found;
}

/** Fields at the top of the operation's body that null has a meaning for, as JSON Pointers. */
export function nullableFieldsOf({ body }: Operation): Set<string> {
  const { properties = {} } = body ? (z.toJSONSchema(body.schema, { io: 'input' }) as Node) : {};
  const nullable = Object.entries(properties).filter(([, { anyOf }]) =>
    anyOf?.some(({ type }) => type === 'null'),
  );
  return new Set(nullable.map(([name]) => `/${name}`));
}

interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

function collect({ properties, items, anyOf }: Node, path: string, found: Set<string>): void {
  for (const [name, part] of Object.entries(properties ?? {})) {
    found.add(`${path}/${name}`);
    collect(part, `${path}/${name}`, found);
  }
  if (items) collect(items, path, found);
  for (const branch of anyOf ?? []) collect(branch, path, found);
}

export interface Leaf {
  /** A JSON Pointer. */
  readonly path: string;
  readonly value: unknown;
}

/** Every field of the body, those inside others included. */
export function leavesOf(body: unknown, path = ''): Leaf[] {
  if (typeof body !== 'object' || body === null) return [];
  return Object.entries(body).flatMap(([name, value]) => [
    { path: `${path}/${name}`, value },
    ...leavesOf(value, `${path}/${name}`),
  ]);
}

const MARK = '\u0001mark\u0001';

/** The body as JSON text in which the value at `path` reads `literal`, which need not be JSON. */
export function withLiteral(body: object, path: string, literal: string): string {
  const copy = structuredClone(body);
  const names = path.split('/').slice(1);
  const last = names.pop() ?? '';
  const parent = names.reduce<Record<string, unknown>>(
    (node, name) => node[name] as Record<string, unknown>,
    copy as Record<string, unknown>,
  );
  parent[last] = MARK;
  return JSON.stringify(copy).replace(JSON.stringify(MARK), () => literal);
}

/** The body once for each object in it, with one member more there. */
export function withMember(body: object, member: string): string[] {
  const inside = leavesOf(body)
    .filter(({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value))
    .map(({ path, value }) => withLiteral(body, path, extended(value as object, member)));
  return [extended(body, member), ...inside];
}

function extended(object: object, member: string): string {
  return JSON.stringify(object).replace(/\}$/, `,${member}}`);
}

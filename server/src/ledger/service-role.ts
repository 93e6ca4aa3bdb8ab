// What the service may do in a ledger that another role owns, as data; and the grant. It reads, it calls the functions that
// write (they run with their owner's rights, see sql/migrations/0011), and writes itself only what no rule stands behind. It
// deletes nothing but its turn; what is too old of the sums for analytics, a function removes.
import type { Statements } from './connection.ts';

/** Every table of the schema. Nothing where only functions come. */
export const TABLE_RIGHTS: Readonly<Record<string, readonly string[]>> = {
  activity: ['SELECT'],
  activity_mark: ['SELECT'],
  activity_sale: ['SELECT'],
  customer: ['SELECT'],
  customer_item: ['SELECT'],
  epoch_end: ['SELECT'],
  item: ['SELECT'],
  journal: ['SELECT'],
  latency: ['SELECT'],
  migration: ['SELECT'],
  open_sku: ['SELECT'],
  order_lines: ['SELECT'],
  orders: ['SELECT'],
  outcome: ['SELECT'],
  // Who holds the epoch, and that a closed sale has left the stock store.
  sale: ['SELECT', 'UPDATE (lineage, unloaded)'],
  seal: ['SELECT', 'INSERT'],
  secret: ['SELECT', 'INSERT'],
  service_role: [],
  stock_change: ['SELECT'],
  stock_operation: [],
  turn: ['SELECT', 'INSERT', 'UPDATE (holder, until_ms)', 'DELETE'],
};

/** Every function that the service's statements name. Those that only these call need no grant. */
export const CALLED_FUNCTIONS: readonly string[] = [
  'activity_kind',
  'add_items',
  'append_transitions',
  'begin_epoch',
  'change_sale',
  'change_stock',
  'close_sale',
  'confirm_batch',
  'create_sale',
  'end_activity',
  'last_granted_epoch',
  'last_transition',
  'note_attempts',
  'note_latencies',
  'now_ms',
  'purge_activity',
  'record_operator_release',
  'refuse_stock_operation',
  'resolve_expired',
  'stock_after',
  'summarise',
  'units_of',
  'unpack_lines',
  'unsummarised',
];

/** What these call and PostgreSQL puts in their place: it then runs with the rights of the caller. */
export const INLINED_FUNCTIONS: readonly string[] = ['units_of_cart'];

/** Functions for the owner alone: an audit forgets customers, the service never does. */
export const OWNERS_FUNCTIONS: readonly string[] = ['forget_customer'];

/** Why the role cannot be granted the service's rights, in words; null if it can. */
export async function unfitForService(sql: Statements, role: string): Promise<string | null> {
  const [found] = await sql<{ owns: boolean }[]>`
    SELECT pg_has_role(role.oid, schema.nspowner, 'MEMBER') AS owns
    FROM pg_catalog.pg_roles AS role, pg_catalog.pg_namespace AS schema
    WHERE role.rolname = ${role} AND schema.nspname = 'holdfast'`;
  if (found === undefined) {
    return `there is no role ${quoted(role)} in this PostgreSQL: make it first, CREATE ROLE ${quoted(role)} LOGIN PASSWORD …`;
  }
  if (!found.owns) return null;
  return `the role ${quoted(role)} can do all that the owner of the ledger can: name another one, that is no superuser and no member of the owner`;
}

/** Grants a role these rights and no others, and notes it: every later migration grants them again. Again is safe. */
export async function grantService(transaction: Statements, role: string): Promise<void> {
  await transaction`INSERT INTO holdfast.service_role (name) VALUES (${role}) ON CONFLICT DO NOTHING`;
  await transaction.unsafe(grantStatements(quoted(role)).join(';\n'));
}

/** To every role that was granted them before, and is still there. In the transaction of a migration. */
export async function grantServiceAgain(transaction: Statements): Promise<void> {
  const [table] = await transaction<{ exists: boolean }[]>`
    SELECT to_regclass('holdfast.service_role') IS NOT NULL AS exists`;
  if (table?.exists !== true) return;
  const roles = await transaction<{ name: string }[]>`
    SELECT name FROM holdfast.service_role JOIN pg_catalog.pg_roles ON rolname = name`;
  for (const { name } of roles) await transaction.unsafe(grantStatements(quoted(name)).join(';\n'));
}

function grantStatements(role: string): string[] {
  return [
    `REVOKE ALL ON SCHEMA holdfast FROM PUBLIC, ${role}`,
    `REVOKE ALL ON ALL TABLES IN SCHEMA holdfast FROM PUBLIC, ${role}`,
    `REVOKE ALL ON ALL SEQUENCES IN SCHEMA holdfast FROM PUBLIC, ${role}`,
    // PostgreSQL lets everybody call a new function.
    `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA holdfast FROM PUBLIC, ${role}`,
    `GRANT USAGE ON SCHEMA holdfast TO ${role}`,
    ...Object.entries(TABLE_RIGHTS).flatMap(([table, rights]) =>
      rights.length === 0 ? [] : [`GRANT ${rights.join(', ')} ON holdfast.${table} TO ${role}`],
    ),
    ...[...CALLED_FUNCTIONS, ...INLINED_FUNCTIONS].map(
      (name) => `GRANT EXECUTE ON FUNCTION holdfast.${name} TO ${role}`,
    ),
  ];
}

/** As an identifier. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

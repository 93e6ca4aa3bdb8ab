// An entry of the journal in words: what was, what became of it, and why.
import type { AuditEntry } from '@holdfast/contract/admin-audit';

type Facts = NonNullable<AuditEntry['before']>;

/** `total 100 → 150`; a fact that is on one side only is named there. */
export function changeText({ before, after }: Pick<AuditEntry, 'before' | 'after'>): string {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return names
    .map((name) => `${wordOf(name)} ${sideText(before, name)} → ${sideText(after, name)}`)
    .join(', ');
}

/** `deadline: …, cause: …`: whatever else is on record. */
export function factsText(facts: Facts | undefined): string {
  return Object.entries(facts ?? {})
    .map(([name, value]) => `${wordOf(name)}: ${String(value ?? 'none')}`)
    .join(', ');
}

/** `+50 SKU-1`, with its sign where units moved, `2 × SKU-1` where they are a reservation's. */
export function unitsText({ items, reservation_id }: Pick<AuditEntry, 'items' | 'reservation_id'>): string {
  return (items ?? [])
    .map(({ sku, quantity }) =>
      reservation_id === undefined ? `${quantity > 0 ? '+' : ''}${quantity} ${sku}` : `${quantity} × ${sku}`,
    )
    .join(', ');
}

/** Who did it: an operator by name, a customer, or the service by itself. */
export function whoText({ operator, customer_id, customer_key }: AuditEntry): string {
  if (operator !== undefined) return `${operator} (operator)`;
  return customer_id ?? (customer_key === undefined ? '' : `customer ${customer_key}`);
}

/** Kinds are words of the journal: `stock-changed` reads as `stock changed`. */
export const wordOf = (name: string): string => name.replaceAll(/[-_]/g, ' ');

function sideText(facts: Facts | undefined, name: string): string {
  const value = facts?.[name];
  return value === undefined || value === null ? 'none' : String(value);
}

// What a reconciliation finds: a difference, by the invariant that it breaks (I1–I8, docs/reconcile.md), and what may be done
// about it. Redis is a copy and may be made anew from the ledger; what the ledger holds is nobody's to correct.

export const INVARIANTS = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8'] as const;
export type Invariant = (typeof INVARIANTS)[number];

/**
 * rebuild: the store loads the sale anew from the ledger.
 * expire: what is overdue is expired, as any sweep would.
 * none: an operator must look; in the ledger always, and in the store where it alone holds what a rebuild would drop.
 */
export type Repair = 'rebuild' | 'expire' | 'none';

export interface Difference {
  readonly invariant: Invariant;
  readonly sku: string | null;
  readonly reservationId: string | null;
  /** A sentence for an operator. */
  readonly detail: string;
  readonly repair: Repair;
  /** The same difference in another look has the same; figures that move while nothing is wrong are not in it. */
  readonly key: string;
}

export function difference(
  invariant: Invariant,
  repair: Repair,
  detail: string,
  about: { readonly sku?: string; readonly reservationId?: string; readonly key?: string } = {},
): Difference {
  const { sku = null, reservationId = null } = about;
  const key = [invariant, about.key ?? detail, sku ?? '', reservationId ?? ''].join(' ');
  return { invariant, sku, reservationId, detail, repair, key };
}

/** Those of the second look that the first one saw too. */
export function seenTwice(first: readonly Difference[], second: readonly Difference[]): Difference[] {
  const before = new Set(first.map(({ key }) => key));
  return second.filter(({ key }) => before.has(key));
}

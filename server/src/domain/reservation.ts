// The life of a reservation, and the words for it. A reservation resolves once.
//
//   active ──▶ confirming ──▶ confirmed
//     │  ▲          │
//     │  └──────────┤ (a definite failure before the commit)
//     ├──▶ released ├──▶ expired  (the resolver, at the pin's end)
//     └──▶ expired  └──▶ lost     (the ledger refused)

export type ReservationState = 'active' | 'confirming' | 'confirmed' | 'released' | 'expired' | 'lost';

/** One line: a SKU and a quantity. In a reservation each SKU stands once, sorted by SKU. */
export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/** A reservation as the stock store keeps it. Times are epoch milliseconds of the store's clock. */
export interface ReservationRecord {
  readonly reservationId: string;
  /** Customer key: 22 base64url characters. */
  readonly customer: string;
  readonly state: ReservationState;
  /** Number of the `reserved` transition: tells one life of an id from the next. */
  readonly createdSeq: number;
  readonly createdAtMs: number;
  /** Granted time; the first deadline is createdAtMs + ttlSeconds × 1000. */
  readonly ttlSeconds: number;
  readonly deadlineMs: number;
  /** Confirm attempts begun and not definitely failed. */
  readonly attempts: number;
  /** Times the customer extended it. */
  readonly extensions: number;
  readonly fingerprint: string;
  readonly lines: readonly Line[];
}

/** Merges lines with the same SKU and sorts by SKU (code unit order). */
export function mergeLines(lines: readonly Line[]): readonly Line[] {
  if (lines.length === 1) return lines;
  const bySku = new Map<string, number>();
  for (const line of lines) bySku.set(line.sku, (bySku.get(line.sku) ?? 0) + line.quantity);
  return [...bySku].sort(([a], [b]) => (a < b ? -1 : 1)).map(([sku, quantity]) => ({ sku, quantity }));
}

/** Lines as one word, the form of Redis, the journal and fingerprints: `A-1*2,B-2*1`. SKUs hold neither `*` nor `,`. */
export function packLines(lines: readonly Line[]): string {
  return lines.map((line) => `${line.sku}*${line.quantity}`).join(',');
}

/** Inverse of packLines. @throws on a malformed word: it can only come from a broken store. */
export function unpackLines(packed: string): Line[] {
  return packed.split(',').map((word) => {
    const star = word.lastIndexOf('*');
    const quantity = word.slice(star + 1);
    if (star < 1 || !/^[1-9]\d{0,14}$/.test(quantity))
      throw new Error(`malformed lines: ${JSON.stringify(packed)}`);
    return { sku: word.slice(0, star), quantity: Number(quantity) };
  });
}

// The small world that the sequences move in: a few customers, keys and items, so that commands meet each other often.
// Both sides, the real system and the reference, name things by it and are told nothing else.
import { fingerprint, Ids } from '../../src/domain/ids.ts';
import type { ConfirmRequest, NewItem, NewSale } from '../../src/domain/ledger-facts.ts';
import { type Line, packLines, type ReservationRecord } from '../../src/domain/reservation.ts';
import type { ReservationRef, ReserveCommand, ReserveLimits } from '../../src/domain/sale-store.ts';
import { type Attempt, NAMES, RESERVATION_KEYS, type Setup, type StockStep, type Target } from './steps.ts';

/** A whole minute, far ahead of any real clock: a store that took the real time somewhere would show at once. */
export const START_MS = Date.UTC(2100, 0, 1);
export const OPERATOR = 'operator';
const SKUS = ['A', 'b.2', 'C_3-x'] as const;
const MAX_LIFETIME_SECONDS = 900;

const ids = new Ids(Buffer.alloc(32, 'whole system'));

export class World {
  readonly ids = ids;
  readonly skus = SKUS;

  constructor(readonly setup: Setup) {}

  get limits(): ReserveLimits {
    return this.setup.limits;
  }

  newSale(): NewSale {
    const inMs = (ms: number | null) => (ms === null ? null : START_MS + ms);
    return {
      id: 'model',
      name: 'The model of a sale',
      opensAtMs: inMs(this.setup.opensInMs),
      closesAtMs: inMs(this.setup.closesInMs),
      reservationTtlSeconds: 60,
      extensions: { max: 1, maxLifetimeSeconds: MAX_LIFETIME_SECONDS },
      cooldown: this.setup.cooldown,
      items: [this.newItem(0, 7, 6), this.newItem(1, 3, null)],
    };
  }

  newItem(index: number, stock: number, maxPerCustomer: number | null): NewItem {
    const sku = this.skus[index] ?? '';
    return { sku, name: sku, stock, price: null, maxPerCustomer };
  }

  customerKey(name: string): string {
    return ids.customerKey(name);
  }

  /** Of each customer under each key: all that can ever be asked for. */
  reservationId(saleNumber: number, { owner, key }: Pick<Target, 'owner' | 'key'>): string {
    return ids.reservationId(saleNumber, ids.customerKey(owner), key);
  }

  refOf(saleNumber: number, target: Target): ReservationRef {
    return {
      reservationId: this.reservationId(saleNumber, target),
      customer: ids.customerKey(target.asker),
    };
  }

  commandOf(saleNumber: number, attempt: Attempt): ReserveCommand {
    const lines: Line[] = this.skus
      .map((sku, i) => ({ sku, quantity: attempt.quantities[i] ?? 0 }))
      .filter(({ quantity }) => quantity > 0)
      .sort((a, b) => (a.sku < b.sku ? -1 : 1));
    return {
      reservationId: this.reservationId(saleNumber, attempt),
      customer: ids.customerKey(attempt.owner),
      address: attempt.address === '' ? '' : ids.addressKey(attempt.address),
      lines,
      ttlSeconds: attempt.ttlSeconds,
      fingerprint: fingerprint(packLines(lines)),
    };
  }

  /** What the confirm verb asks the ledger for a pinned reservation. */
  confirmRequest(record: ReservationRecord, sub: string, paymentReference: string | null): ConfirmRequest {
    const { reservationId, createdSeq, customer, lines } = record;
    const orderId = ids.orderId(reservationId, createdSeq, customer);
    return { reservationId, createdSeq, customer, sub, orderId, lines, paymentReference };
  }

  stockRequest(step: StockStep) {
    return {
      sku: this.skus[step.sku] ?? '',
      delta: step.delta,
      reason: 'counted',
      reference: null,
      expectedTotal: step.expectedTotal,
      operator: OPERATOR,
      idempotencyKey: step.key,
    };
  }
}

/** Sequences begin with an empty ledger: theirs is its first sale. */
export const SALE_NUMBER = 1;

const OWNERS = new Map(
  NAMES.flatMap((owner) =>
    RESERVATION_KEYS.map((key) => {
      const id = ids.reservationId(SALE_NUMBER, ids.customerKey(owner), key);
      return [id, { owner, key }] as const;
    }),
  ),
);

/** Whose reservation it is, of an id that a sequence can name. */
export function whoseIs(reservationId: string): Pick<Target, 'owner' | 'key'> | undefined {
  return OWNERS.get(reservationId);
}

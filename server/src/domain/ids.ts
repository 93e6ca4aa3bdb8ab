// Ids that lead home. A reservation id carries its sale's number and a tag that only its customer's
// requests can match, so every later call finds its sale without an index, an ambiguous retry meets
// the same reservation, and a stranger's id is refused before any store is touched (protocols §1).
//
//   rsv_ + base64url( sale number, 4 bytes ‖ HMAC(customer, sale, key), 8 bytes ‖ tag, 4 bytes )
//   ord_ + base64url( sale number, 4 bytes ‖ HMAC(reservation id, created_seq), 8 bytes ‖ tag, 4 bytes )
import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';

const RESERVATION_PREFIX = 'rsv_';
const ORDER_PREFIX = 'ord_';
const ID_BYTES = 16;
const BODY_BYTES = 12;
const TAG_BYTES = ID_BYTES - BODY_BYTES;
/** An address is asked for with each request, and a proxy's or an office's with very many. */
const REMEMBERED_ADDRESSES = 10_000;
const ID_PATTERN = /^[A-Za-z0-9_-]{21}[AQgw]$/; // 16 bytes: the last character carries two bits only

export type IdKind = 'reservation' | 'order';

const PREFIX: Record<IdKind, string> = { reservation: RESERVATION_PREFIX, order: ORDER_PREFIX };

/** True for a well-formed id of the kind; says nothing of whether it was ever issued. */
export function isWellFormedId(kind: IdKind, id: string): boolean {
  return id.startsWith(PREFIX[kind]) && ID_PATTERN.test(id.slice(PREFIX[kind].length));
}

/**
 * Mints and checks ids. `secret` (≥ 32 bytes) is made once per deployment and kept in the ledger: it must
 * never change while reservations live.
 */
export class Ids {
  private readonly secret: KeyObject;
  /** The id that is being made. */
  private readonly id = Buffer.alloc(ID_BYTES);
  private readonly addressKeys = new LRUCache<string, string>({ max: REMEMBERED_ADDRESSES });

  constructor(secret: Uint8Array) {
    if (secret.byteLength < 32) throw new Error('the id secret must have at least 32 bytes');
    this.secret = createSecretKey(secret);
  }

  /** The customer as Redis and the journal know them: a keyed hash, 16 bytes as 22 base64url characters. */
  customerKey(sub: string): string {
    return this.mac('customer', sub).toString('base64url', 0, ID_BYTES);
  }

  /** A client address (already normalised) as the rate windows know it: 11 base64url characters. */
  addressKey(address: string): string {
    let key = this.addressKeys.get(address);
    if (key === undefined) {
      key = this.mac('address', address).toString('base64url', 0, 8);
      this.addressKeys.set(address, key);
    }
    return key;
  }

  /** An operator's idempotency key on one route, for the ledger: 16 bytes as 22 base64url characters. */
  operatorKey(operator: string, route: string, idempotencyKey: string): string {
    return this.mac('operator', operator, route, idempotencyKey).toString('base64url', 0, ID_BYTES);
  }

  /** The same customer, sale and key always give the same id. */
  reservationId(saleNumber: number, customerKey: string, idempotencyKey: string): string {
    return this.seal('reservation', saleNumber, customerKey, [idempotencyKey]);
  }

  /** The order of one life of a reservation: a key used anew after 24 h gives another order. */
  orderId(reservationId: string, createdSeq: number, customerKey: string): string {
    return this.seal('order', saleNumberOf(reservationId), customerKey, [reservationId, String(createdSeq)]);
  }

  /** The sale's number if this id was issued to this customer, else undefined. Touches no store. */
  saleOf(kind: IdKind, id: string, customerKey: string): number | undefined {
    if (!isWellFormedId(kind, id)) return undefined;
    const bytes = Buffer.from(id.slice(PREFIX[kind].length), 'base64url');
    const tag = this.tag(kind, bytes, customerKey).subarray(0, TAG_BYTES);
    return timingSafeEqual(tag, bytes.subarray(BODY_BYTES)) ? bytes.readUInt32BE(0) : undefined;
  }

  private seal(kind: IdKind, saleNumber: number, customerKey: string, fields: readonly string[]): string {
    const { id } = this;
    id.writeUInt32BE(saleNumber, 0);
    this.mac(kind, customerKey, String(saleNumber), ...fields).copy(id, 4, 0, 8);
    this.tag(kind, id, customerKey).copy(id, BODY_BYTES, 0, TAG_BYTES);
    return PREFIX[kind] + id.toString('base64url');
  }

  /** Its first bytes; of `id`, the body alone is looked at. */
  private tag(kind: IdKind, id: Buffer, customerKey: string): Buffer {
    return this.mac(`${kind}-tag`, id.toString('hex', 0, BODY_BYTES), customerKey);
  }

  /**
   * HMAC-SHA-256 over length-prefixed fields, so that no two field lists collide. One update for all of them: each costs
   * nearly as much as the hash. Not Bun.CryptoHasher, which is faster and throws other people's errors (decision 10).
   */
  private mac(...fields: readonly string[]): Buffer {
    let message = '';
    for (const field of fields) message += `${Buffer.byteLength(field)}:${field}`;
    return createHmac('sha256', this.secret).update(message).digest();
  }
}

/** The sale number inside a well-formed reservation or order id. */
export function saleNumberOf(id: string): number {
  return Buffer.from(id.slice(4), 'base64url').readUInt32BE(0);
}

/** Of a sale's items in the usual quantities: in a hot sale nearly all ask for the same. */
const fingerprints = new LRUCache<string, string>({ max: 1_000 });

/** Fingerprint of a parsed request body, 64 bits as 11 base64url characters: same body, same print. */
export function fingerprint(canonicalBody: string): string {
  let print = fingerprints.get(canonicalBody);
  if (print === undefined) {
    print = hash('sha256', canonicalBody, 'buffer').toString('base64url', 0, 8);
    fingerprints.set(canonicalBody, print);
  }
  return print;
}

// How the words of the domain are written into columns, and read back: ids and keys as raw bytes, batches as
// array literals (cheaper than the driver's own arrays, which ask the server for their types first).
import type { Money } from '../domain/ledger-facts.ts';

const ID_PREFIX_LENGTH = 4; // rsv_, ord_
const KEY_BYTES = 16;

/** The 16 bytes of a reservation or order id. @throws if it is not one */
export function idBytes(id: string): Buffer {
  return keyBytes(id.slice(ID_PREFIX_LENGTH));
}

/** The 16 bytes of a customer key. @throws if it is not one */
export function keyBytes(key: string): Buffer {
  const bytes = Buffer.from(key, 'base64url');
  if (bytes.byteLength !== KEY_BYTES) throw new Error('an id or customer key must have 16 bytes');
  return bytes;
}

export function reservationIdOf(bytes: Buffer): string {
  return `rsv_${bytes.toString('base64url')}`;
}

export function orderIdOf(bytes: Buffer): string {
  return `ord_${bytes.toString('base64url')}`;
}

export function customerKeyOf(bytes: Buffer): string {
  return bytes.toString('base64url');
}

export function moneyOf(amountMinor: number | null, currency: string | null): Money | null {
  return amountMinor === null || currency === null ? null : { amountMinor, currency };
}

/** integer[] or bigint[]. */
export function numberArray(values: readonly (number | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

/** Inverse of numberArray, without nulls. */
export function numbersIn(array: string): number[] {
  return array === '{}' ? [] : array.slice(1, -1).split(',').map(Number);
}

export function byteaArray(values: readonly Buffer[]): string {
  return `{${values.map((value) => `"\\\\x${value.toString('hex')}"`).join(',')}}`;
}

export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;
}

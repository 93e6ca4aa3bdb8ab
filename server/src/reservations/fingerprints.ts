// What makes two requests under one key the same: what was asked for, defaults filled in, and the format of the answer.
import { fingerprint } from '../domain/ids.ts';
import type { SaleRow } from '../domain/ledger-facts.ts';
import { type Line, packLines } from '../domain/reservation.ts';

/** Version of the answer's format: part of what a replay is built from, so of the fingerprint. */
const ANSWER_VERSION = 1;

export function printOf(ttlSeconds: number, lines: readonly Line[]): string {
  return fingerprint(`${ANSWER_VERSION} ${ttlSeconds} ${packLines(lines)}`);
}

/**
 * What a request had as its fingerprint when the sale granted other times: one that is repeated means what it meant then.
 * `ttlSeconds` is null where it asks for the sale's own.
 */
export function earlierPrints(sale: SaleRow, ttlSeconds: number | null, lines: readonly Line[]): string[] {
  const times = sale.earlierTtlSeconds.filter((earlier) => ttlSeconds === null || ttlSeconds <= earlier);
  return times.map((earlier) => printOf(ttlSeconds ?? earlier, lines));
}

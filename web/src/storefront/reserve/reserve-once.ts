// One cart, one reservation, whatever happens in between: a double click, a reload, an answer that was lost, a second
// tab. The key is on record before anything is sent, with whose it is and what it was for; the same wish goes out with
// the same key, and the service gives the same answer.
//
//   no record ──▶ asked (key stored) ──▶ reserved: the record stays, so that a late second click meets it
//                    │    ▲     └─────▶ refused: nothing was done, the record goes
//                    └────┘ no answer: it may have happened. Asked again, with this key, before anything else
import { HoldfastError } from '@holdfast/client';
import type { Line, Reservation } from '@holdfast/contract/reservations';
import { type Cart, fingerprintOf } from '../cart.ts';
import type { Keep } from '../kept-value.ts';
import type { Turns } from './turns.ts';

/** A wish without an answer is taken up again this long; after that its shopper has gone on to other things. */
export const TAKE_UP_WITHIN_MS = 2 * 60_000;

export interface Wish {
  readonly saleId: string;
  readonly customer: string;
  readonly cart: Cart;
}

export interface ReserveParts {
  readonly keep: Keep;
  readonly turns: Turns;
  readonly newKey: () => string;
  readonly nowMs: () => number;
  readonly send: (lines: readonly Line[], idempotencyKey: string) => Promise<Reservation>;
}

interface Attempt {
  readonly key: string;
  readonly cartId: string;
  readonly lines: readonly Line[];
  readonly askedAtMs: number;
  /** Null while there is no answer. */
  readonly reservationId: string | null;
}

export interface Outcome {
  readonly reservation: Reservation;
  /** It is an earlier wish's, whose answer had been lost: the cart as it is now was not asked for. */
  readonly earlier: boolean;
}

/** @throws HoldfastError with the refusal, or with what kept the answer away. */
export function reserveOnce(parts: ReserveParts, wish: Wish): Promise<Outcome> {
  const name = recordName(wish);
  return parts.turns(name, async () => {
    const known = readAttempt(parts.keep.read(name));
    if (known && isSameWish(known, wish.cart)) {
      return { reservation: await ask(parts, name, known), earlier: false };
    }
    if (known && known.reservationId === null && isFresh(parts, known)) {
      const earlier = await takeUp(parts, name, known);
      if (earlier) return { reservation: earlier, earlier: true };
    }
    const attempt: Attempt = {
      key: parts.newKey(),
      cartId: wish.cart.id,
      lines: wish.cart.lines,
      askedAtMs: parts.nowMs(),
      reservationId: null,
    };
    return { reservation: await ask(parts, name, attempt), earlier: false };
  });
}

/** After a reload: asks again for what was asked and not answered. @returns undefined if there is no such thing. */
export function takeUpAgain(parts: ReserveParts, wish: Wish): Promise<Outcome | undefined> {
  const name = recordName(wish);
  return parts.turns(name, async () => {
    const known = readAttempt(parts.keep.read(name));
    if (!known || known.reservationId !== null) return undefined;
    if (isFresh(parts, known)) {
      return { reservation: await ask(parts, name, known), earlier: !isSameWish(known, wish.cart) };
    }
    parts.keep.write(name, null);
    return undefined;
  });
}

async function takeUp(parts: ReserveParts, name: string, known: Attempt): Promise<Reservation | undefined> {
  try {
    return await ask(parts, name, known);
  } catch (error) {
    if (mayHaveHappened(error)) throw error;
    return undefined; // refused: it never happened, and the way is free
  }
}

async function ask(parts: ReserveParts, name: string, attempt: Attempt): Promise<Reservation> {
  parts.keep.write(name, JSON.stringify(attempt));
  try {
    const reservation = await parts.send(attempt.lines, attempt.key);
    parts.keep.write(name, JSON.stringify({ ...attempt, reservationId: reservation.reservation_id }));
    return reservation;
  } catch (error) {
    if (!mayHaveHappened(error)) parts.keep.write(name, null);
    throw error;
  }
}

/** Everything but a clear no: a broken connection, a time limit, an answer that says nothing of what was done. */
export function mayHaveHappened(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return true;
  return error.status === 0 || error.status >= 500 || error.code === 'unexpected-answer';
}

function isSameWish(known: Attempt, cart: Cart): boolean {
  return known.cartId === cart.id && fingerprintOf(known.lines) === fingerprintOf(cart.lines);
}

function isFresh(parts: ReserveParts, known: Attempt): boolean {
  return Math.abs(parts.nowMs() - known.askedAtMs) <= TAKE_UP_WITHIN_MS;
}

function recordName({ saleId, customer }: Pick<Wish, 'saleId' | 'customer'>): string {
  return `attempt.${saleId}.${customer}`;
}

function readAttempt(text: string | null): Attempt | undefined {
  if (text === null) return undefined;
  try {
    const { key, cartId, lines, askedAtMs, reservationId } = JSON.parse(text);
    if (typeof key !== 'string' || typeof cartId !== 'string' || !Array.isArray(lines)) return undefined;
    return { key, cartId, lines, askedAtMs: Number(askedAtMs), reservationId: reservationId ?? null };
  } catch {
    return undefined;
  }
}

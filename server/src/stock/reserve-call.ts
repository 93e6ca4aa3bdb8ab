// A batch of reserves as the arguments of one hf_reserve call, and its reply words as replies (server/lua/55-reserve.lua).
import { packLines } from '../domain/reservation.ts';
import type { ReserveCommand, ReserveLimits, ReserveReply } from '../domain/sale-store.ts';
import { readReserveWord, shortId } from './records.ts';

/** The field of a rate window that says which minute it is of. */
const WINDOW_MINUTE = '@';

/**
 * In columns, and each different body once: in a hot sale nearly all ask for the same.
 * @param counted the first attempt has passed the rate windows in an earlier call
 */
export function packReserve(
  commands: readonly ReserveCommand[],
  counted: boolean,
  limits: ReserveLimits,
): (string | number)[] {
  const bodies = new Map<string, number>();
  const bodyArgs: (string | number)[] = [];
  const runs: number[] = [];
  const ids: string[] = [];
  const customers: string[] = [];
  for (const { reservationId, customer, ttlSeconds, fingerprint, lines } of commands) {
    const packed = packLines(lines);
    const key = `${ttlSeconds} ${fingerprint} ${packed}`;
    let body = bodies.get(key);
    if (body === undefined) {
      body = bodies.size + 1;
      bodies.set(key, body);
      bodyArgs.push(ttlSeconds, fingerprint, packed);
    }
    if (runs[runs.length - 2] === body) (runs[runs.length - 1] as number)++;
    else runs.push(body, 1);
    ids.push(shortId(reservationId));
    customers.push(customer);
  }
  const { perCustomer, perAddress } = limits;
  const addresses = perAddress > 0 ? commands.map(({ address }) => address) : [];
  return [
    perCustomer,
    perAddress,
    counted ? 1 : 0,
    commands.length,
    bodies.size,
    runs.length / 2,
    ...bodyArgs,
    ...runs,
    ...ids,
    WINDOW_MINUTE,
    ...customers,
    ...addresses,
  ];
}

export function readReserveReply(word: string, command: ReserveCommand, nowMs: number): ReserveReply {
  const number = Number(word);
  if (Number.isNaN(number)) return readReserveWord(word, shortId(command.reservationId), nowMs);
  return {
    kind: 'reserved',
    record: {
      reservationId: command.reservationId,
      customer: command.customer,
      state: 'active',
      createdSeq: number,
      createdAtMs: nowMs,
      ttlSeconds: command.ttlSeconds,
      deadlineMs: nowMs + command.ttlSeconds * 1000,
      attempts: 0,
      extensions: 0,
      fingerprint: command.fingerprint,
      lines: command.lines,
    },
  };
}

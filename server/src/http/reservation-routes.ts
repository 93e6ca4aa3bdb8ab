// Reserving, and what customers do with their reservations.
import {
  extendReservation,
  getReservation,
  listReservations,
  type ReserveBody,
  releaseReservation,
  reserve,
} from '@holdfast/contract/reservations';
import { DEFAULT_PAGE_SIZE } from '@holdfast/contract/vocabulary';
import type { Ids } from '../domain/ids.ts';
import type { Line } from '../domain/reservation.ts';
import type { ReservationVerbs } from '../reservations/reservations.ts';
import { type Endpoint, endpoint, REPLAYED, unknownId } from './endpoint.ts';
import { pageWire, reservationWire, reserveAnswer } from './wire.ts';

export function reservationRoutes(reservations: ReservationVerbs, ids: Ids): Endpoint[] {
  return [
    endpoint(reserve, async ({ caller, address, idempotencyKey, body }) => {
      const ttlSeconds = body.ttl_seconds ?? null;
      const request = { customer: caller, address, idempotencyKey, lines: linesOf(body), ttlSeconds };
      const answer = await reservations.reserve(request);
      if (!answer.ok) return answer;
      const value = reserveAnswer(answer.value.view);
      return answer.value.replayed ? { ok: true, value, headers: REPLAYED } : { ok: true, value };
    }),

    endpoint(listReservations, async ({ caller, query }) => {
      const answer = await reservations.list(caller, query.limit ?? DEFAULT_PAGE_SIZE, query.cursor ?? null);
      return answer.ok ? { ok: true, value: pageWire(answer.value, reservationWire) } : answer;
    }),

    endpoint(getReservation, async ({ caller, id }) => {
      const saleNumber = ids.saleOf('reservation', id, caller.key);
      if (saleNumber === undefined) return unknownId('unknown-reservation');
      const answer = await reservations.read(caller, saleNumber, id);
      return answer.ok ? { ok: true, value: reservationWire(answer.value) } : answer;
    }),

    endpoint(releaseReservation, async ({ caller, id }) => {
      const saleNumber = ids.saleOf('reservation', id, caller.key);
      if (saleNumber === undefined) return unknownId('unknown-reservation');
      const answer = await reservations.release(caller, saleNumber, id);
      return answer.ok ? { ok: true, value: reservationWire(answer.value) } : answer;
    }),

    endpoint(extendReservation, async ({ caller, id, body }) => {
      const saleNumber = ids.saleOf('reservation', id, caller.key);
      if (saleNumber === undefined) return unknownId('unknown-reservation');
      const answer = await reservations.extend(caller, saleNumber, id, body.seconds);
      return answer.ok ? { ok: true, value: reservationWire(answer.value) } : answer;
    }),
  ];
}

function linesOf(body: ReserveBody): readonly Line[] {
  return 'items' in body ? body.items : [{ sku: body.sku, quantity: body.quantity }];
}

// Confirming, and the orders that come of it.
import { confirm, getOrder, listOrders } from '@holdfast/contract/orders';
import { DEFAULT_PAGE_SIZE } from '@holdfast/contract/vocabulary';
import type { Ids } from '../domain/ids.ts';
import type { ReservationVerbs } from '../reservations/reservations.ts';
import { type Endpoint, endpoint, unknownId } from './endpoint.ts';
import { orderWire, pageWire } from './wire.ts';

export function orderRoutes(reservations: ReservationVerbs, ids: Ids): Endpoint[] {
  return [
    endpoint(confirm, async ({ caller, body }) => {
      const id = body.reservation_id;
      const saleNumber = ids.saleOf('reservation', id, caller.key);
      if (saleNumber === undefined) return unknownId('unknown-reservation');
      const answer = await reservations.confirm(caller, saleNumber, id, body.payment_reference ?? null);
      return answer.ok ? { ok: true, value: orderWire(answer.value) } : answer;
    }),

    endpoint(listOrders, async ({ caller, query }) => {
      const answer = await reservations.orders(
        caller,
        query.limit ?? DEFAULT_PAGE_SIZE,
        query.cursor ?? null,
      );
      return answer.ok ? { ok: true, value: pageWire(answer.value, orderWire) } : answer;
    }),

    endpoint(getOrder, async ({ caller, id }) => {
      if (ids.saleOf('order', id, caller.key) === undefined) return unknownId('unknown-order');
      const answer = await reservations.order(id);
      if (!answer.ok) return answer;
      // The id's tag says so already; a second look costs nothing, and a stranger's order would cost trust.
      if (answer.value.customer !== caller.key) return unknownId('unknown-order');
      return { ok: true, value: orderWire(answer.value) };
    }),
  ];
}

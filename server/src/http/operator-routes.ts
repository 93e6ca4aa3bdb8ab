// What operators find and do about customers' reservations and orders, and the journal they read it from.
import { type AuditQuery, readAudit } from '@holdfast/contract/admin-audit';
import { findOrders } from '@holdfast/contract/admin-orders';
import {
  findReservations,
  inspectReservation,
  MAX_HISTORY,
  type OperatorReservation,
  releaseForCustomer,
} from '@holdfast/contract/admin-reservations';
import { DEFAULT_PAGE_SIZE } from '@holdfast/contract/vocabulary';
import type { AuditSearch, CustomersView, OperatorVerbs, Search } from '../reservations/operator-desk.ts';
import { AuditFiles } from './audit-file.ts';
import { auditWire } from './audit-wire.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { orderWire, pageWire, reservationWire } from './wire.ts';

const CSV = 'text/csv';

export function operatorRoutes(operators: OperatorVerbs, files = new AuditFiles()): Endpoint[] {
  return [
    endpoint(findReservations, async ({ query }) => {
      const { limit = DEFAULT_PAGE_SIZE, cursor = null, status = null } = query;
      const answer = await operators.reservations({ ...searchOf(query), status }, limit, cursor);
      return answer.ok ? { ok: true, value: pageWire(answer.value, customersWire) } : answer;
    }),

    endpoint(inspectReservation, async ({ id }) => {
      const answer = await operators.reservation(id, MAX_HISTORY);
      if (!answer.ok) return answer;
      const { order, history } = answer.value;
      const value = {
        reservation: customersWire(answer.value),
        order: order && orderWire(order),
        history: history.map(auditWire),
      };
      return { ok: true, value };
    }),

    endpoint(releaseForCustomer, async ({ caller, id, body }) => {
      const answer = await operators.release(id, caller.sub, body.reason);
      return answer.ok ? { ok: true, value: customersWire(answer.value) } : answer;
    }),

    endpoint(findOrders, async ({ query }) => {
      const { limit = DEFAULT_PAGE_SIZE, cursor = null } = query;
      const answer = await operators.orders(searchOf(query), limit, cursor);
      if (!answer.ok) return answer;
      const wire = pageWire(answer.value, ({ order, customerId }) => ({
        ...orderWire(order),
        customer_id: customerId,
      }));
      return { ok: true, value: wire };
    }),

    endpoint(readAudit, async ({ request, query }) => {
      const { limit = DEFAULT_PAGE_SIZE, cursor = null } = query;
      const search = auditSearchOf(query);
      if (!wantsFile(query, request.headers.get('accept'))) {
        const answer = await operators.audit(search, limit, cursor);
        return answer.ok ? { ok: true, value: pageWire(answer.value, auditWire) } : answer;
      }
      const opened = await files.open((rows, from) => operators.audit(search, rows, from), cursor);
      if (!opened.ok) return opened;
      const headers = { 'content-disposition': 'attachment; filename="holdfast-audit.csv"' };
      return { ok: true, file: opened.value, mediaType: `${CSV}; charset=utf-8; header=present`, headers };
    }),
  ];
}

function customersWire({ view, customerId }: CustomersView): OperatorReservation {
  return { ...reservationWire(view), customer_id: customerId };
}

interface Named {
  readonly sale?: string | undefined;
  readonly sku?: string | undefined;
  readonly customer?: string | undefined;
}

function searchOf({ sale, sku, customer }: Named): Search {
  return { sale: sale ?? null, sku: sku ?? null, customer: customer ?? null };
}

function auditSearchOf(query: AuditQuery): AuditSearch {
  const { reservation = null, from, to } = query;
  const msOf = (at: string | undefined) => (at === undefined ? null : Date.parse(at));
  return { ...searchOf(query), reservation, fromMs: msOf(from), toMs: msOf(to) };
}

/** What the query names, else whichever of the two media types `Accept` names first. */
function wantsFile({ format }: AuditQuery, accept: string | null): boolean {
  if (format !== undefined) return format === 'csv';
  const [first] = /text\/csv|application\/json/i.exec(accept ?? '') ?? [];
  return first?.toLowerCase() === CSV;
}

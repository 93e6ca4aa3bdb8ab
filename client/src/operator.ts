// What operators do beyond the calls of every client: change sales, find any customer's reservations and orders, release for
// a customer, read the journal. Lists answer page by page, as a console shows them; the cursor of the answer gives the next.
import type { AuditEntry } from '@holdfast/contract/admin-audit';
import type { OperatorOrder } from '@holdfast/contract/admin-orders';
import type { OperatorReservation, ReservationHistory } from '@holdfast/contract/admin-reservations';
import type { ReservationStatus } from '@holdfast/contract/reservations';
import type { ChangeSaleBody, Sale } from '@holdfast/contract/sales';
import type { Page } from '@holdfast/contract/vocabulary';
import { type CallOptions, HoldfastClient, queryString } from './client.ts';

export interface PageFilter {
  /** Entries a page, at most 200. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface OrderFilter extends PageFilter {
  readonly sale?: string | undefined;
  readonly sku?: string | undefined;
  /** The customer's `sub`. */
  readonly customer?: string | undefined;
}

export interface ReservationFilter extends OrderFilter {
  readonly status?: ReservationStatus | undefined;
}

export interface AuditFilter extends OrderFilter {
  readonly reservation?: string | undefined;
  /** RFC 3339; from this instant on. */
  readonly from?: string | undefined;
  /** RFC 3339; before this instant. */
  readonly to?: string | undefined;
}

export class OperatorClient extends HoldfastClient {
  /** What is left out stays as it is; null takes a time away. */
  async changeSale(saleId: string, change: ChangeSaleBody, options: CallOptions = {}): Promise<Sale> {
    const path = `/api/v1/admin/sales/${encodeURIComponent(saleId)}`;
    const call = { operation: 'changeSale', method: 'PATCH', path, body: change, repeatable: true } as const;
    return (await this.send(call, options)).json as Sale;
  }

  /** Newest first. Filtered by SKU or status a page may be short, or empty, and still have a next one. */
  operatorReservations(
    filter: ReservationFilter = {},
    options: CallOptions = {},
  ): Promise<Page<OperatorReservation>> {
    const { limit, cursor, sale, sku, customer, status } = filter;
    const query = queryString({ sale, sku, customer, status, limit, cursor });
    return this.get('operatorReservations', `/api/v1/admin/reservations${query}`, options);
  }

  /** One, with its order and its whole history, oldest first. */
  operatorReservation(reservationId: string, options: CallOptions = {}): Promise<ReservationHistory> {
    const path = `/api/v1/admin/reservations/${encodeURIComponent(reservationId)}`;
    return this.get('operatorReservation', path, options);
  }

  /** Gives the stock back on the customer's behalf; the reason stays in the journal. Repeating it gives the same answer. */
  releaseForCustomer(
    reservationId: string,
    reason: string,
    options: CallOptions = {},
  ): Promise<OperatorReservation> {
    const path = `/api/v1/admin/reservations/${encodeURIComponent(reservationId)}/release`;
    return this.post('releaseForCustomer', path, { reason }, true, options);
  }

  operatorOrders(filter: OrderFilter = {}, options: CallOptions = {}): Promise<Page<OperatorOrder>> {
    const { limit, cursor, sale, sku, customer } = filter;
    const query = queryString({ sale, sku, customer, limit, cursor });
    return this.get('operatorOrders', `/api/v1/admin/orders${query}`, options);
  }

  /** The journal, newest first. */
  audit(filter: AuditFilter = {}, options: CallOptions = {}): Promise<Page<AuditEntry>> {
    const query = auditQuery(filter);
    return this.get('audit', `/api/v1/admin/audit${queryString(query)}`, options);
  }

  /** The same as the text of a CSV file; a last row of kind `export-cut` says that it is not all of it, and where to go on. */
  async auditCsv(filter: AuditFilter = {}, options: CallOptions = {}): Promise<string> {
    const { limit: _, ...query } = auditQuery(filter);
    const path = `/api/v1/admin/audit${queryString({ ...query, format: 'csv' })}`;
    const call = {
      operation: 'auditCsv',
      method: 'GET',
      path,
      textType: 'text/csv',
      repeatable: true,
    } as const;
    return (await this.send(call, options)).text;
  }
}

function auditQuery({ sale, sku, customer, reservation, from, to, limit, cursor }: AuditFilter) {
  return { sale, sku, customer, reservation, from, to, limit, cursor };
}

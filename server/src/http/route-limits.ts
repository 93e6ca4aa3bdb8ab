// How much of each route may be under way at once in one process, as data: all but reserve and confirm, whose bounds are
// the door's own (door.ts). What is expensive gets so little that it takes neither the event loop nor the connections to
// PostgreSQL from those two: the pools (ledger/ledger.ts) bound what the database does, this bounds who waits for it.
import { readAudit } from '@holdfast/contract/admin-audit';
import { findOrders } from '@holdfast/contract/admin-orders';
import {
  findReservations,
  inspectReservation,
  releaseForCustomer,
} from '@holdfast/contract/admin-reservations';
import { getAnalytics } from '@holdfast/contract/analytics';
import { listItems } from '@holdfast/contract/inventory';
import type { Operation } from '@holdfast/contract/operation';
import { getOrder, listOrders } from '@holdfast/contract/orders';
import { runRace } from '@holdfast/contract/race';
import { reconcile } from '@holdfast/contract/reconcile';
import { listReservations } from '@holdfast/contract/reservations';
import { addItems, changeSale, closeSale, createSale, getSale, listSales } from '@holdfast/contract/sales';
import { getStatus } from '@holdfast/contract/status';
import { changeStock } from '@holdfast/contract/stock';
import { type Bounds, CHANGES, READS } from './admission.ts';

/** So many, however long each takes: what learns from a rush (admission.ts) would take the wait for a lock for capacity. */
const atOnce = (requests: number): Bounds => ({
  queueMs: 0,
  startPerSecond: 0,
  atLeast: requests,
  atMost: requests,
});

/** Searches share four connections: whichever is asked too often, it leaves one to the others. */
const SEARCH = atOnce(3);
/** Each is a page of up to 200 rows from the four connections for readers, which wait 250 ms for one at most. */
const PAGES: Bounds = { queueMs: 200, startPerSecond: 2_000, atLeast: 200, atMost: 1_000 };
/** Its items are read sale by sale: a page of fifty sales is fifty calls. */
const PAGE_OF_SALES: Bounds = { queueMs: 200, startPerSecond: 100, atLeast: 32, atMost: 200 };
/** They lock the row that confirmations lock, and hold one of their ten connections while they wait for it. */
const OPERATORS_CHANGE = atOnce(32);
/** Joined, or refused by its own rule, while one is under way: more than a few who wait are a mistake. */
const ONE_UNDER_WAY = atOnce(8);

const LIMITS: ReadonlyMap<Operation, Bounds> = new Map<Operation, Bounds>([
  // A file counts until its last byte is read (audit-file.ts writes two at most).
  [readAudit, SEARCH],
  [findReservations, SEARCH],
  [findOrders, SEARCH],
  [inspectReservation, SEARCH],
  [getAnalytics, SEARCH],

  [listReservations, PAGES],
  [listOrders, PAGES],
  [getOrder, PAGES],
  [listItems, PAGES],
  [listSales, PAGE_OF_SALES],
  [getSale, PAGES],

  [createSale, OPERATORS_CHANGE],
  [changeSale, OPERATORS_CHANGE],
  [addItems, OPERATORS_CHANGE],
  [closeSale, OPERATORS_CHANGE],
  [changeStock, OPERATORS_CHANGE],
  [releaseForCustomer, OPERATORS_CHANGE],

  [reconcile, ONE_UNDER_WAY],
  [runRace, ONE_UNDER_WAY],
  [getStatus, ONE_UNDER_WAY],
]);

export function boundsOf(operation: Operation): Bounds {
  return LIMITS.get(operation) ?? (operation.method === 'GET' ? READS : CHANGES);
}

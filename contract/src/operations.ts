// Every operation of the API, in the order the documentation shows them.
import { readAudit } from './admin-audit.ts';
import { findOrders } from './admin-orders.ts';
import { findReservations, inspectReservation, releaseForCustomer } from './admin-reservations.ts';
import { getAnalytics } from './analytics.ts';
import { issueToken } from './auth.ts';
import { getItem, listItems } from './inventory.ts';
import { itemEvents, live } from './live.ts';
import type { Operation } from './operation.ts';
import { confirm, getOrder, listOrders } from './orders.ts';
import { getHealth, getOpenApi, getReadiness } from './process.ts';
import { runRace } from './race.ts';
import { reconcile } from './reconcile.ts';
import {
  extendReservation,
  getReservation,
  listReservations,
  releaseReservation,
  reserve,
} from './reservations.ts';
import { addItems, changeSale, closeSale, createSale, getSale, listSales } from './sales.ts';
import { getStatus } from './status.ts';
import { changeStock } from './stock.ts';

export const OPERATIONS: readonly Operation[] = [
  reserve,
  listReservations,
  getReservation,
  extendReservation,
  releaseReservation,
  confirm,
  listOrders,
  getOrder,
  getItem,
  listItems,
  live,
  itemEvents,
  listSales,
  getSale,
  issueToken,
  createSale,
  changeSale,
  addItems,
  changeStock,
  closeSale,
  findReservations,
  inspectReservation,
  releaseForCustomer,
  findOrders,
  readAudit,
  reconcile,
  getAnalytics,
  getStatus,
  runRace,
  getHealth,
  getReadiness,
  getOpenApi,
];

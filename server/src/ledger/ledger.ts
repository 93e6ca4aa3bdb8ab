// The ledger, PostgreSQL's side of the service, behind one class: which pool each call runs on, and nothing else.
// Three pools, so that a rebuild that reads a whole journal takes no connection from confirmations, and rebuilds
// that wait for their work take none from the work.

import type { Chain } from '../domain/journal-chain.ts';
import type { ConfirmRequest, NewItem, NewSale, StockChangeRequest } from '../domain/ledger-facts.ts';
import type { ReservationRecord } from '../domain/reservation.ts';
import type { Transition } from '../domain/sale-store.ts';
import * as confirmations from './confirm.ts';
import type { LedgerContract, PageRequest } from './contract.ts';
import { durabilityRisks } from './durability.ts';
import * as items from './items.ts';
import * as journal from './journal.ts';
import * as lives from './lives.ts';
import { knownMigrations, type Migration, requireSchema } from './migrate.ts';
import * as orders from './orders.ts';
import { Pool, type PoolLimits } from './pool.ts';
import * as rebuild from './rebuild.ts';
import * as sales from './sales.ts';
import * as seals from './seal.ts';
import * as stock from './stock.ts';
import * as turns from './turns.ts';
import { verifySale } from './verify.ts';

export interface LedgerOptions {
  readonly databaseUrl: string;
  /** Most connections for the frequent calls; 10 by default. Rebuilds take up to 10 more, while they run. */
  readonly poolSize?: number;
}

const POOL_SIZE = 10;

/**
 * Frequent calls take milliseconds. What takes a second has met a lock or a sick server, and its caller is better
 * off with a 503: a stalled process must not hold the hot row, nor a stalled server the process.
 */
const HOT: Omit<PoolLimits, 'size'> = {
  waitMs: 500,
  connectMs: 2000,
  callMs: 3000,
  keepIdle: true,
  session: { statementTimeoutMs: 1000, lockTimeoutMs: 500, idleInTransactionTimeoutMs: 5000 },
};

/** Rare calls over whole sales. They outwait a stalled holder of the hot row, who is cut off after 5 s. */
const PATIENT: PoolLimits = {
  size: 2,
  waitMs: 30_000,
  connectMs: 2000,
  callMs: 60_000,
  keepIdle: false,
  session: { statementTimeoutMs: 30_000, lockTimeoutMs: 8000, idleInTransactionTimeoutMs: 30_000 },
};

/** Sessions that hold a rebuild lock: as many sales as one process rebuilds at a time. */
const LOCKS: PoolLimits = { ...PATIENT, size: 8, callMs: 5000 };

export class Ledger implements LedgerContract {
  private readonly hot: Pool;
  private readonly patient: Pool;
  private readonly locks: Pool;
  private migrations: Promise<Migration[]> | null = null;

  /** Connects when first asked for something; `check` tells whether that works. */
  constructor({ databaseUrl, poolSize = POOL_SIZE }: LedgerOptions) {
    this.hot = new Pool(databaseUrl, { ...HOT, size: poolSize });
    this.patient = new Pool(databaseUrl, PATIENT);
    this.locks = new Pool(databaseUrl, LOCKS);
  }

  createSale(sale: NewSale, operator: string) {
    return sales.createSale(this.hot, sale, operator);
  }

  addItems(saleId: string, added: readonly NewItem[], operator: string) {
    return sales.addItems(this.hot, saleId, added, operator);
  }

  closeSale(saleId: string, operator: string) {
    return sales.closeSale(this.hot, saleId, operator);
  }

  saleById(id: string) {
    return sales.saleById(this.hot, id);
  }

  saleByNumber(saleNumber: number) {
    return sales.saleByNumber(this.hot, saleNumber);
  }

  sales(page: PageRequest) {
    return sales.sales(this.hot, page);
  }

  anySaleExists() {
    return sales.anySaleExists(this.hot);
  }

  itemsBySku(skus: readonly string[]) {
    return items.itemsBySku(this.hot, skus);
  }

  itemsOfSale(saleNumber: number) {
    return items.itemsOfSale(this.hot, saleNumber);
  }

  items(saleId: string | null, page: PageRequest) {
    return items.items(this.hot, saleId, page);
  }

  changeStock(saleNumber: number, epoch: number, request: StockChangeRequest) {
    return stock.changeStock(this.hot, saleNumber, epoch, request);
  }

  stockChange(key: string) {
    return stock.stockChange(this.hot, key);
  }

  refuseStockOperation(saleNumber: number, operationId: string) {
    return stock.refuseStockOperation(this.hot, saleNumber, operationId);
  }

  confirm(saleNumber: number, epoch: number, requests: readonly ConfirmRequest[]) {
    return confirmations.confirm(this.hot, saleNumber, epoch, requests);
  }

  resolveExpired(saleNumber: number, epoch: number, records: readonly ReservationRecord[]) {
    return confirmations.resolveExpired(this.hot, saleNumber, epoch, records);
  }

  entriesAfter(saleNumber: number, seq: number, limit: number) {
    return journal.entriesAfter(this.hot, saleNumber, seq, limit);
  }

  appendTransitions(saleNumber: number, epoch: number, transitions: readonly Transition[]) {
    return journal.appendTransitions(this.hot, saleNumber, epoch, transitions);
  }

  transitionsAfter(saleNumber: number, seq: number, limit: number) {
    return journal.transitionsAfter(this.hot, saleNumber, seq, limit);
  }

  lastTransition(saleNumber: number) {
    return journal.lastTransition(this.hot, saleNumber);
  }

  unsealedChains() {
    return seals.unsealedChains(this.hot);
  }

  sealNext(chain: Chain) {
    return seals.sealNext(this.hot, chain);
  }

  lineages() {
    return rebuild.lineages(this.hot);
  }

  lineage(saleNumber: number) {
    return rebuild.lineage(this.hot, saleNumber);
  }

  withRebuildLock<T>(saleNumber: number, work: () => Promise<T>) {
    return rebuild.withRebuildLock(this.locks, saleNumber, work);
  }

  beginEpoch(saleNumber: number) {
    return rebuild.beginEpoch(this.patient, saleNumber);
  }

  recordLineage(saleNumber: number, epoch: number, lineage: string) {
    return rebuild.recordLineage(this.patient, saleNumber, epoch, lineage);
  }

  coldSnapshot(saleNumber: number) {
    return rebuild.coldSnapshot(this.patient, saleNumber);
  }

  markUnloaded(saleNumber: number) {
    return rebuild.markUnloaded(this.patient, saleNumber);
  }

  order(orderId: string) {
    return orders.order(this.hot, orderId);
  }

  orderOfReservation(reservationId: string, createdSeq: number | null) {
    return orders.orderOfReservation(this.hot, reservationId, createdSeq);
  }

  ordersOf(customer: string, page: PageRequest) {
    return orders.ordersOf(this.hot, customer, page);
  }

  reservation(reservationId: string) {
    return lives.reservation(this.hot, reservationId);
  }

  reservationsOf(customer: string, page: PageRequest) {
    return lives.reservationsOf(this.hot, customer, page);
  }

  secret(name: string, bytes: number) {
    return turns.secret(this.hot, name, bytes);
  }

  takeTurn(name: string, holder: string, ttlMs: number) {
    return turns.takeTurn(this.hot, name, holder, ttlMs);
  }

  giveTurn(name: string, holder: string) {
    return turns.giveTurn(this.hot, name, holder);
  }

  verifySale(saleNumber: number) {
    return verifySale(this.patient, saleNumber);
  }

  async check() {
    this.migrations ??= knownMigrations();
    const known = await this.migrations;
    await this.hot.read((sql) => requireSchema(sql, known));
  }

  /** Settings of the server that could lose a committed order, in words; empty when there are none. */
  durabilityRisks() {
    return durabilityRisks(this.hot);
  }

  /** Waits a bounded time for calls in flight. Twice is safe. */
  async close() {
    await Promise.all([this.hot.close(), this.patient.close(), this.locks.close()]);
  }
}

// The ledger, PostgreSQL's side of the service, behind one class: which pool (pools.ts) each call runs on, and nothing else.

import type { Stretch } from '../domain/activity.ts';
import type { Chain, Place } from '../domain/journal-chain.ts';
import type {
  ConfirmRequest,
  NewItem,
  NewSale,
  OperatorRelease,
  SaleChange,
  StockChangeRequest,
} from '../domain/ledger-facts.ts';
import type { ReservationRecord } from '../domain/reservation.ts';
import type { RetryBudget } from '../domain/retry-budget.ts';
import type { Transition } from '../domain/sale-store.ts';
import type { StoreCertificates } from '../domain/store-trust.ts';
import * as activity from './activity.ts';
import { findEntries } from './audit-search.ts';
import * as confirmations from './confirm.ts';
import type { LedgerContract, PageRequest } from './contract.ts';
import { durabilityRisks } from './durability.ts';
import type { EntryFilter, LifeFilter, RowFilter } from './findings.ts';
import * as items from './items.ts';
import * as journal from './journal.ts';
import * as lives from './lives.ts';
import * as looks from './look.ts';
import { knownMigrations, type Migration, requireSchema } from './migrate.ts';
import * as orders from './orders.ts';
import type { Pool } from './pool.ts';
import { openPools } from './pools.ts';
import * as rebuild from './rebuild.ts';
import * as sales from './sales.ts';
import * as seals from './seal.ts';
import * as searches from './search.ts';
import * as stock from './stock.ts';
import * as turns from './turns.ts';
import { ledgerDifferences, verifySale } from './verify.ts';

export interface LedgerOptions {
  readonly databaseUrl: string;
  /** None: the public authorities are believed. */
  readonly certificates?: StoreCertificates;
  /** Most connections for the frequent calls; 10 by default. Rebuilds take up to 10 more, while they run. */
  readonly poolSize?: number;
  /** Counts what the frequent calls try again. */
  readonly retries?: RetryBudget;
}

export class Ledger implements LedgerContract {
  private readonly hot: Pool;
  private readonly readers: Pool;
  private readonly patient: Pool;
  private readonly locks: Pool;
  private readonly looks: Pool;
  private readonly curious: Pool;
  private migrations: Promise<Migration[]> | null = null;

  /** Connects when first asked for something; `check` tells whether that works. */
  constructor({ databaseUrl: url, certificates, poolSize, retries }: LedgerOptions) {
    const pools = openPools({ url, certificates }, poolSize, retries);
    this.hot = pools.hot;
    this.readers = pools.readers;
    this.patient = pools.patient;
    this.locks = pools.locks;
    this.looks = pools.looks;
    this.curious = pools.curious;
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

  changeSale(saleId: string, change: SaleChange, operator: string) {
    return sales.changeSale(this.hot, saleId, change, operator);
  }

  saleById(id: string) {
    return sales.saleById(this.readers, id);
  }

  saleByNumber(saleNumber: number) {
    return sales.saleByNumber(this.hot, saleNumber);
  }

  sales(page: PageRequest) {
    return sales.sales(this.readers, page);
  }

  anySaleExists() {
    return sales.anySaleExists(this.hot);
  }

  itemsBySku(skus: readonly string[]) {
    return items.itemsBySku(this.hot, skus);
  }

  itemsOfSale(saleNumber: number) {
    return items.itemsOfSale(this.readers, saleNumber);
  }

  items(saleId: string | null, page: PageRequest) {
    return items.items(this.readers, saleId, page);
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

  recordRelease(release: OperatorRelease) {
    return journal.recordRelease(this.hot, release);
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

  unsummarised() {
    return activity.unsummarised(this.hot);
  }

  summarise(part: activity.JournalPart) {
    return activity.summarise(this.hot, part);
  }

  endActivity() {
    return activity.endActivity(this.looks);
  }

  noteAttempts(cells: readonly activity.AttemptCell[]) {
    return activity.noteAttempts(this.hot, cells);
  }

  noteLatencies(cells: readonly activity.LatencyCell[]) {
    return activity.noteLatencies(this.hot, cells);
  }

  purgeActivity(beforeS: number) {
    return activity.purgeActivity(this.hot, beforeS);
  }

  readActivity(saleNumber: number, stretch: Stretch, before: readonly Stretch[], within: readonly Stretch[]) {
    return activity.readActivity(this.curious, saleNumber, stretch, before, within);
  }

  lastTransitions(saleNumbers: readonly number[]) {
    return activity.lastTransitions(this.curious, saleNumbers);
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
    return orders.order(this.readers, orderId);
  }

  orderOfReservation(reservationId: string, createdSeq: number | null) {
    return orders.orderOfReservation(this.hot, reservationId, createdSeq);
  }

  ordersOf(customer: string, page: PageRequest) {
    return orders.ordersOf(this.readers, customer, page);
  }

  reservation(reservationId: string) {
    return lives.reservation(this.readers, reservationId);
  }

  reservationsOf(customer: string, page: PageRequest) {
    return lives.reservationsOf(this.readers, customer, page);
  }

  findReservations(filter: LifeFilter, page: PageRequest) {
    return searches.findReservations(this.curious, filter, page);
  }

  findOrders(filter: RowFilter, page: PageRequest) {
    return searches.findOrders(this.curious, filter, page);
  }

  findEntries(filter: EntryFilter, page: PageRequest) {
    return findEntries(this.curious, filter, page);
  }

  customerOf(key: string) {
    return searches.customerOf(this.curious, key);
  }

  secret(name: string, bytes: number) {
    return turns.secret(this.patient, name, bytes);
  }

  takeTurn(name: string, holder: string, ttlMs: number) {
    return turns.takeTurn(this.hot, name, holder, ttlMs);
  }

  giveTurn(name: string, holder: string) {
    return turns.giveTurn(this.hot, name, holder);
  }

  ledgerDifferences(saleNumber: number) {
    return ledgerDifferences(this.looks, saleNumber);
  }

  stockAt(saleNumber: number, applied: number) {
    return looks.stockAt(this.looks, saleNumber, applied);
  }

  boughtAfter(saleNumber: number, after: looks.BoughtKey | null, limit: number) {
    return looks.boughtAfter(this.looks, saleNumber, after, limit);
  }

  checkTransitions(saleNumber: number, after: Place | null, limit: number) {
    return looks.checkTransitions(this.looks, saleNumber, after, limit);
  }

  epochSpan(saleNumber: number, epoch: number) {
    return looks.epochSpan(this.looks, saleNumber, epoch);
  }

  checkSeals(chain: Chain, after: number, limit: number) {
    return looks.checkSeals(this.looks, chain, after, limit);
  }

  verifySale(saleNumber: number) {
    return verifySale(this.patient, saleNumber);
  }

  async check() {
    this.migrations ??= knownMigrations();
    const known = await this.migrations;
    await this.patient.read((sql) => requireSchema(sql, known));
  }

  /** Settings of the server that could lose a committed order, in words; empty when there are none. */
  durabilityRisks() {
    return durabilityRisks(this.patient);
  }

  /** Waits a bounded time for calls in flight. Twice is safe. */
  async close() {
    const pools = [this.hot, this.readers, this.patient, this.locks, this.looks, this.curious];
    await Promise.all(pools.map((pool) => pool.close()));
  }
}

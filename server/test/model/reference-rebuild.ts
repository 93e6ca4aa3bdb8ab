// What a rebuild must leave behind, said without the code that does it. Warm: the sale as it would stand had this store seen
// everything on record. Cold: the sale as the record alone tells it; what never reached the record did not happen.
import { REPLAY_KEPT_MS } from '../../src/domain/sale-store.ts';
import { after, type Life, livesOnRecord, resolutions, soldUnseen } from './lives.ts';
import type { ReferenceLedger } from './reference-ledger.ts';
import { type ReferenceServer, StandingSale } from './reference-store.ts';

export interface Clocks {
  readonly store: () => number;
  readonly ledger: () => number;
}

export interface Rebuilt {
  readonly mode: 'warm' | 'cold';
  readonly stumbled: boolean;
  /** Transitions that neither the store nor the journal has any more. */
  readonly lost: number;
  /** Transitions done again. */
  readonly replayed: number;
}

/** The server holds the sale afterwards, in a new epoch; or half-way, if it stumbles where it first reads the ledger. */
export async function rebuild(
  server: ReferenceServer,
  ledger: ReferenceLedger,
  clocks: Clocks,
  stumbles: boolean,
): Promise<Rebuilt> {
  ledger.beginEpoch();
  server.leased = false;
  const granted = ledger.lastGranted();
  const kept = server.missing.has('events') ? [] : server.sale.stock.waiting;
  const history = kept.filter(({ epoch }) => epoch === granted);
  ledger.append(ledger.epoch, history);
  const lost = server.sale.stock.waiting.length - history.length;
  const warm = isPrefix(server, ledger);
  const replayed = warm ? replay(server, ledger) : 0;
  if (!warm) await loadCold(server, ledger, clocks, stumbles);
  const mode = warm ? 'warm' : 'cold';
  if (stumbles) return { mode, stumbled: true, lost, replayed };

  if (warm) {
    const entries = ledger.entries.slice(server.sale.lastApplied);
    if (entries.length > 0) await server.sale.apply(entries);
    // An item may have been added after the store's past, and before the reservations that it has now heard of.
    server.sale.balance(boughtBy(ledger, server.sale.lastApplied));
    server.sale.drained();
  }
  const { sale } = server;
  server.sale = sale.copy(ledger.epoch, Math.max(sale.seenAtMs, sale.wroteAtMs));
  server.missing.clear();
  server.halfDone = false;
  server.epoch = ledger.epoch;
  ledger.lineage = server.identity;
  lease(server);
  return { mode, stumbled: false, lost, replayed };
}

/** A server that was started anew goes on from the time that was written. */
export function lease(server: ReferenceServer): void {
  if (!server.remembers) server.sale = server.sale.copy(server.sale.epoch, server.sale.wroteAtMs);
  server.leased = true;
  server.remembers = true;
}

/** Is this store's past the beginning of what is on record? */
function isPrefix(server: ReferenceServer, ledger: ReferenceLedger): boolean {
  if (server.missing.size > 0 || server.halfDone || server.epoch === null) return false;
  if (server.epoch === ledger.lastGranted()) return true;
  const end = ledger.endOf(server.epoch);
  return end !== null && server.sale.lastSeq <= end;
}

/** Does again what is on record and the store has not; how many transitions. */
function replay(server: ReferenceServer, ledger: ReferenceLedger): number {
  if (!server.remembers) server.sale = server.sale.copy(server.sale.epoch, server.sale.wroteAtMs);
  server.remembers = true;
  const { sale } = server;
  const missed = ledger.history().filter(({ seq }) => seq > sale.lastSeq);
  const last = missed.at(-1);
  if (last === undefined) return 0;
  const lives = new Map<string, Life>();
  for (const transition of missed) {
    const id = transition.reservationId;
    const known = lives.get(id) ?? sale.life(id);
    const same = known?.record.createdSeq === transition.createdSeq ? known : undefined;
    const next = after(same, transition);
    if (next !== undefined) lives.set(id, next);
    if (next?.record.state === 'expired' && same?.record.state !== 'expired') sale.noteExpiry(next);
  }
  sale.reached(last.seq);
  sale.settle([...lives.values()], boughtBy(ledger, sale.lastApplied));
  return missed.length;
}

/** Units that customers had bought by the ledger's first entries. */
function boughtBy(ledger: ReferenceLedger, applied: number): Map<string, number> {
  const bought = new Map<string, number>();
  for (const { kind, seq, customer, lines } of resolutions(ledger)) {
    if (kind !== 'confirmed' || seq > applied) continue;
    for (const { sku, quantity } of lines) {
      const holder = `${customer} ${sku}`;
      bought.set(holder, (bought.get(holder) ?? 0) + quantity);
    }
  }
  return bought;
}

async function loadCold(
  server: ReferenceServer,
  ledger: ReferenceLedger,
  clocks: Clocks,
  stumbles: boolean,
): Promise<void> {
  // Time never goes back on a server that remembers it, nor behind what its store has written.
  const written = server.missing.has('stock') ? 0 : server.sale.wroteAtMs;
  const seenAtMs = server.remembers ? Math.max(server.sale.seenAtMs, written) : written;
  const sale = new StandingSale(ledger.epoch, clocks.store).copy(ledger.epoch, seenAtMs);
  sale.wroteAtMs = seenAtMs;
  server.sale = sale;
  server.remembers = true;
  server.missing.clear();
  server.halfDone = true;
  server.epoch = null;
  if (stumbles) return;

  for (const [sku, { total, sold, cap }] of ledger.items) sale.put(sku, total, sold, cap);
  const lives = coldLives(ledger, clocks.ledger());
  sale.settle(lives, ledger.bought);
  const decided = resolutions(ledger).map(({ createdSeq }) => createdSeq);
  // A number that the ledger has decided on is never given again, though its transition was lost.
  sale.standAt(Math.max(ledger.lastTransition(), 0, ...decided), ledger.entries.length, ledger.settings);
  for (const life of lives) if (life.record.state === 'expired') sale.noteExpiry(life);
  sale.drained();
}

/** Of each reservation its latest life, if it lives or was resolved within a day. */
function coldLives(ledger: ReferenceLedger, nowMs: number): Life[] {
  const latest = new Map<string, Life>();
  for (const life of livesOnRecord(ledger)) {
    const known = latest.get(life.record.reservationId);
    if (known === undefined || known.record.createdSeq < life.record.createdSeq)
      latest.set(life.record.reservationId, life);
  }
  for (const { reservationId, customer, createdSeq, lines, atMs } of soldUnseen(ledger)) {
    // What it was asked for with is lost: its key can only be answered as reused.
    const times = { createdAtMs: atMs, ttlSeconds: 0, deadlineMs: atMs };
    const record = { reservationId, customer, state: 'confirmed', createdSeq, ...times } as const;
    latest.set(reservationId, {
      record: { ...record, attempts: 0, extensions: 0, fingerprint: '-', lines },
      resolvedAtMs: atMs,
    });
  }
  return [...latest.values()].filter(
    ({ resolvedAtMs }) => resolvedAtMs === null || resolvedAtMs > nowMs - REPLAY_KEPT_MS,
  );
}

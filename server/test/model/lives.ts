// What is on record of each reservation: its life told from the journal, one transition after the other, and the
// ledger's decision, which counts before anything that the store did.
import type { ReservationRecord } from '../../src/domain/reservation.ts';
import type { LedgerEntry, Transition } from '../../src/domain/sale-store.ts';
import { lifeKey, type ReferenceLedger } from './reference-ledger.ts';

export interface Life {
  readonly record: ReservationRecord;
  readonly resolvedAtMs: number | null;
}

export type Resolution = Extract<LedgerEntry, { kind: 'confirmed' | 'refused' | 'expired' }>;

/** Lives whose beginning is in the journal, oldest first. */
export function livesOnRecord(ledger: ReferenceLedger): Life[] {
  const lives = new Map<string, Life>();
  for (const transition of ledger.history()) {
    const key = lifeKey(transition);
    const next = after(lives.get(key), transition);
    if (next !== undefined) lives.set(key, next);
  }
  return [...lives.values()].map((life) => asDecided(life, ledger));
}

/** The same life after one more transition; undefined while its beginning is not known. */
export function after(life: Life | undefined, transition: Transition): Life | undefined {
  if (transition.kind === 'reserved') return { record: begun(transition), resolvedAtMs: null };
  if (life === undefined) return undefined;
  const { record } = life;
  switch (transition.kind) {
    case 'confirming':
      return { record: { ...record, state: 'confirming', attempts: 1 }, resolvedAtMs: null };
    case 'unpinned':
      return { record: { ...record, state: 'active', attempts: 0 }, resolvedAtMs: null };
    case 'extended': {
      const { deadlineMs } = transition;
      return { record: { ...record, deadlineMs, extensions: record.extensions + 1 }, resolvedAtMs: null };
    }
    default:
      return { record: { ...record, state: transition.kind }, resolvedAtMs: transition.atMs };
  }
}

/** Reservations that were sold though the journal never saw them begin: it lost them, or has yet to hear of them. */
export function soldUnseen(ledger: ReferenceLedger): Resolution[] {
  const history = ledger.history();
  const seen = (entry: Resolution) =>
    history.some(
      (t) =>
        t.kind === 'reserved' && t.reservationId === entry.reservationId && t.createdSeq >= entry.createdSeq,
    );
  return resolutions(ledger).filter((entry) => entry.kind === 'confirmed' && !seen(entry));
}

export function resolutions(ledger: ReferenceLedger): Resolution[] {
  return ledger.entries.filter((entry) => 'reservationId' in entry);
}

/** The ledger's word on an id that the store does not know: its latest life, ended how; null if it never had one. */
export function latestLife(
  ledger: ReferenceLedger,
  reservationId: string,
): { createdSeq: number; state: ReservationRecord['state'] } | null {
  const recorded = livesOnRecord(ledger).map(({ record }) => record);
  const decided = resolutions(ledger).map(({ kind, ...entry }) => ({ ...entry, state: stateOf(kind) }));
  const mine = [...recorded, ...decided].filter((life) => life.reservationId === reservationId);
  // Of two words on one life the journal's comes first: the decision is in it.
  return mine.reduce<(typeof mine)[number] | null>(
    (latest, life) => (latest === null || life.createdSeq > latest.createdSeq ? life : latest),
    null,
  );
}

function stateOf(kind: Resolution['kind']): ReservationRecord['state'] {
  return kind === 'refused' ? 'lost' : kind;
}

function asDecided(life: Life, ledger: ReferenceLedger): Life {
  const outcome = ledger.register.get(lifeKey(life.record));
  if (outcome === undefined) return life;
  return {
    record: { ...life.record, state: stateOf(outcome.kind), attempts: 0 },
    resolvedAtMs: outcome.atMs,
  };
}

function begun(transition: Transition): ReservationRecord {
  const { reservationId, customer, createdSeq, ttlSeconds, deadlineMs, fingerprint, lines } = transition;
  return {
    reservationId,
    customer,
    state: 'active',
    createdSeq,
    createdAtMs: transition.atMs,
    ttlSeconds,
    deadlineMs,
    attempts: 0,
    extensions: 0,
    fingerprint,
    lines,
  };
}

// What a failed call means for the caller: surely nothing was committed, or nobody can know. PostgreSQL's words
// stay inside this room; what leaves names an SQLSTATE at most, never a statement, a value or an address.
import postgres from 'postgres';
import { AmbiguousCommit, LedgerBusy, LedgerUnavailable, StaleEpoch } from '../domain/ledger-facts.ts';
import { whyNotTrusted } from '../domain/store-trust.ts';
import { NotEncrypted } from './encryption.ts';

/** What the statement would have done: a lost connection leaves a write in doubt, a read can be asked again. */
export type Effect = 'reads' | 'writes';

/** The client's own clock ran out, or it cut the connection. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** A SKU that another open sale has (SQLSTATE HF003, raised by holdfast.claim_skus). */
export class SkuInUse extends Error {
  override readonly name = 'SkuInUse';
  constructor(readonly sku: string) {
    super('a SKU is in use');
  }
}

const STALE_EPOCH = 'HF001';
const SKU_IN_USE = 'HF003';

/** A rule of pg_hba.conf, or the lack of one: the user, the database, the address, or that nothing is encrypted. */
const NOT_ADMITTED = '28000';
/** The role has not the right: one that owns the ledger has it, or `holdfast migrate --service-role` grants it. */
export const FORBIDDEN = '42501';

/** Others held a lock for longer than lock_timeout: the server answered, and is well. */
const LOCKED = '55P03';

/** Serialization failure and deadlock: rolled back, and worth another try at once. */
const WORTH_RETRYING = new Set(['40001', '40P01']);

/** The server hung up in the middle: with a synchronous standby the commit may have been done already. */
const IN_DOUBT = new Set(['57P01', '57P02', '57P05', '40003', '08006', '08007']);

/**
 * Rolled back for a reason that passes: resources (53), operator intervention and timeouts (57), locks (55),
 * connection (08), system errors (58), a server that is only a standby (25006), a wrong password or a missing
 * database (28, 3D), which an operator is about to repair.
 */
const PASSES = /^(08|28|3D|53|55|57|58)|^25006$/;

export function isWorthRetrying(error: unknown): boolean {
  return error instanceof postgres.PostgresError && WORTH_RETRYING.has(error.code);
}

/** True if the connection is of no more use. */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) return IN_DOUBT.has(error.code) || error.severity === 'FATAL';
  return error instanceof ConnectionLost || (error instanceof Error && 'code' in error);
}

/** The error to throw for a statement that was sent. Errors that are not the database's come back as they are. */
export function afterSending(error: unknown, effect: Effect): unknown {
  if (!(error instanceof postgres.PostgresError)) {
    if (!isConnectionLost(error)) return error;
    return inDoubt(effect, 'the connection to PostgreSQL was lost before it answered');
  }
  if (error.code === STALE_EPOCH) return new StaleEpoch('the sale is held by another epoch');
  if (error.code === SKU_IN_USE) return new SkuInUse(error.detail ?? '');
  if (IN_DOUBT.has(error.code)) return inDoubt(effect, `PostgreSQL hung up (SQLSTATE ${error.code})`);
  if (error.code === LOCKED) return new LedgerBusy(`others hold what was asked for (SQLSTATE ${LOCKED})`);
  if (PASSES.test(error.code) || WORTH_RETRYING.has(error.code)) {
    return new LedgerUnavailable(`PostgreSQL gave the statement up (SQLSTATE ${error.code})`);
  }
  if (error.code === FORBIDDEN) {
    return new Error(
      `the role that DATABASE_URL names may not do this in the ledger (SQLSTATE ${FORBIDDEN}): its owner may`,
    );
  }
  const where = error.constraint_name ? `, constraint ${error.constraint_name}` : '';
  return new Error(`the ledger refused a statement (SQLSTATE ${error.code}${where})`);
}

/** The error to throw when no statement was sent. */
export function beforeSending(error: unknown): LedgerUnavailable {
  return new LedgerUnavailable(`no connection to PostgreSQL could be opened${whyNotOpened(error)}`);
}

function whyNotOpened(error: unknown): string {
  const why = error instanceof NotEncrypted ? error.message : whyNotTrusted(error, 'DATABASE');
  if (why !== undefined) return `: ${why}`;
  if (!(error instanceof Error && 'code' in error)) return '';
  if (error.code !== NOT_ADMITTED) return ` (${String(error.code)})`;
  const hint =
    'if it demands TLS, add ?sslmode=verify-full to DATABASE_URL; if it demands a certificate, set HOLDFAST_DATABASE_CERT_FILE and _KEY_FILE';
  return `: it does not admit this connection (${NOT_ADMITTED}); ${hint}`;
}

function inDoubt(effect: Effect, words: string): Error {
  return effect === 'writes' ? new AmbiguousCommit(words) : new LedgerUnavailable(words);
}

/**
 * Settles as `promise` does, or rejects with ConnectionLost after `ms`; then `giveUp` is called, and what
 * becomes of the promise is nobody's concern any more.
 */
export async function within<T>(ms: number, promise: Promise<T>, giveUp: () => void): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        reject(new ConnectionLost('PostgreSQL did not answer in time'));
        giveUp();
      },
      Math.max(0, ms),
    );
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

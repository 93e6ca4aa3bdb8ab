// The ledger's six pools and what each is for: a rebuild that reads a whole journal takes no connection from confirmations, rebuilds
// that wait for their work take none from the work, and neither readers, a reconciliation nor somebody's curiosity any from the others.
import type { RetryBudget } from '../domain/retry-budget.ts';
import { LEDGER_CURIOUS, LEDGER_HOT, LEDGER_PATIENT } from '../domain/time-budgets.ts';
import type { LedgerAddress } from './encryption.ts';
import { Pool, type PoolLimits } from './pool.ts';

/**
 * Frequent calls take milliseconds. What takes a second has met a lock or a sick server, and its caller is better
 * off with a 503.
 */
const HOT: PoolLimits = { ...limitsOf(LEDGER_HOT), size: 10, keepIdle: true };

/** Customers' lists and orders: as many as ever want to look, confirmations and the workers have their own. */
const READERS: PoolLimits = { ...HOT, size: 4 };

/** Rare calls over whole sales, and the start. */
const PATIENT: PoolLimits = { ...limitsOf(LEDGER_PATIENT), size: 2, keepIdle: false };

/** A reconciliation: pages of some milliseconds and sums over whole sales, beside the frequent calls and never in their way. */
const LOOKS: PoolLimits = { ...PATIENT, size: 2, keepIdle: true };

/** Analytics and searches: an operator waits, and must not make others wait. No route has all four (http/route-limits.ts). */
const CURIOUS: PoolLimits = { ...limitsOf(LEDGER_CURIOUS), size: 4, keepIdle: false };

/** Sessions that hold a rebuild lock: as many sales as one process rebuilds at a time. */
const LOCKS: PoolLimits = { ...PATIENT, size: 8, callMs: 5000 };

export interface Pools {
  readonly hot: Pool;
  readonly readers: Pool;
  readonly patient: Pool;
  readonly locks: Pool;
  readonly looks: Pool;
  readonly curious: Pool;
}

/** Each connects when first asked for something. `hotSize`: 10 by default. */
export function openPools(address: LedgerAddress, hotSize = HOT.size, retries?: RetryBudget): Pools {
  return {
    hot: new Pool(address, { ...HOT, size: hotSize }, retries),
    readers: new Pool(address, READERS, retries),
    patient: new Pool(address, PATIENT),
    locks: new Pool(address, LOCKS),
    looks: new Pool(address, LOOKS),
    curious: new Pool(address, CURIOUS),
  };
}

function limitsOf(
  budget: typeof LEDGER_HOT | typeof LEDGER_PATIENT | typeof LEDGER_CURIOUS,
): Omit<PoolLimits, 'size' | 'keepIdle'> {
  const { waitMs, connectMs, callMs, statementMs, lockMs, idleInTransactionMs } = budget;
  return {
    waitMs,
    connectMs,
    callMs,
    session: {
      statementTimeoutMs: statementMs,
      lockTimeoutMs: lockMs,
      idleInTransactionTimeoutMs: idleInTransactionMs,
    },
  };
}

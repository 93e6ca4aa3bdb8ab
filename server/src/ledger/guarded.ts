// The ledger behind its breaker. Customers' calls ask it first, and are refused at once while it is open. Workers' calls
// and lease renewals are never refused; what they meet tells the breaker that the ledger is gone, or back.
import { type Breaker, REFUSED } from '../domain/breaker.ts';
import { AmbiguousCommit, LedgerBusy, LedgerNotAsked, LedgerUnavailable } from '../domain/ledger-facts.ts';
import type { Observe } from '../telemetry/distribution.ts';
import type { LedgerContract } from './contract.ts';

type AnyCall = (...args: unknown[]) => Promise<unknown>;

/** A call that lasts as long as the caller's own work under it says nothing of the ledger. */
const LASTS_AS_LONG_AS_ITS_WORK: PropertyKey = 'withRebuildLock';

/** Tells how long each call took, by its name, answered or not; the wait for a connection is part of it. */
export function timed(ledger: LedgerContract, secondsOf: (call: string) => Observe): LedgerContract {
  return around(ledger, (call, name) => {
    if (name === LASTS_AS_LONG_AS_ITS_WORK) return call;
    const observe = secondsOf(String(name));
    return async (...args) => {
      const startedMs = performance.now();
      try {
        return await call(...args);
      } finally {
        observe((performance.now() - startedMs) / 1000);
      }
    };
  });
}

/** For customers: a call rejects with LedgerNotAsked while the breaker is open. */
export function behindBreaker(ledger: LedgerContract, breaker: Breaker): LedgerContract {
  return around(ledger, (call) => async (...args) => {
    const pass = breaker.enter();
    if (pass === REFUSED)
      throw new LedgerNotAsked('PostgreSQL has been silent for a while', breaker.pauseLeftMs);
    return await told(call(...args), (answered) => breaker.leave(pass, answered));
  });
}

/** For workers: every call goes through. */
export function tellingBreaker(ledger: LedgerContract, breaker: Breaker): LedgerContract {
  return around(
    ledger,
    (call) =>
      (...args) =>
        told(call(...args), (answered) => {
          if (answered !== null) breaker.heard(answered);
        }),
  );
}

async function told<T>(answer: Promise<T>, tell: (answered: boolean | null) => void): Promise<T> {
  let result: T;
  try {
    result = await answer;
  } catch (error) {
    tell(isAnswer(error));
    throw error;
  }
  tell(true);
  return result;
}

/** A refusal is an answer, and so is a lock that others hold; null: it was not asked. */
function isAnswer(error: unknown): boolean | null {
  if (error instanceof LedgerNotAsked) return null;
  if (error instanceof LedgerBusy) return true;
  return !(error instanceof LedgerUnavailable || error instanceof AmbiguousCommit);
}

/** The ledger with `wrap` around each of its calls. */
function around(ledger: LedgerContract, wrap: (call: AnyCall, name: PropertyKey) => AnyCall): LedgerContract {
  const wrapped = new Map<PropertyKey, AnyCall>();
  return new Proxy(ledger, {
    get: (target, name) => {
      const known = wrapped.get(name);
      if (known) return known;
      const own: unknown = Reflect.get(target, name);
      if (typeof own !== 'function') return own;
      const made = wrap((...args) => own.apply(target, args), name);
      wrapped.set(name, made);
      return made;
    },
  });
}

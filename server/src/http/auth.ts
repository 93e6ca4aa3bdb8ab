// Who is calling, and may they? A shopper sends the same token several times within its quarter of an hour, so
// verified tokens are kept: a hit costs a lookup instead of a signature check. Expiry is checked on every hit.
import type { Access } from '@holdfast/contract/operation';
import type { Refusal } from '@holdfast/contract/problems';
import type { Ids } from '../domain/ids.ts';
import { RecentlyUsed } from '../domain/recently-used.ts';
import type { Answer, Customer } from '../reservations/reservations.ts';
import {
  type AuthConfig,
  CLOCK_TOLERANCE_SECONDS,
  createTokenChecker,
  type Verdict,
} from './access-tokens.ts';
import type { ErrorLog } from './call.ts';

/** The holder of a valid token. */
export interface Caller extends Customer {
  readonly operator: boolean;
}

/** Answers at once for a token that needs no look at a key set, nor jose's whole examination; later for others. */
export interface Gate {
  (authorization: string | null, access: Access): Gated | Promise<Gated>;
  /** When a token that was just let in is good no more, tolerance included; by this process's clock. */
  endsAtSeconds(authorization: string): number;
}
/** Null on public operations: their callers are not looked at. */
export type Gated = Answer<Caller | null>;

interface Remembered {
  readonly caller: Answer<Caller>;
  readonly goodUntilSeconds: number;
}

/** Active shoppers of one process; with tokens of 400 bytes some 20 MB. */
const REMEMBERED_TOKENS = 50_000;
/** Bound in bytes as well, for issuers with long tokens. */
const REMEMBERED_BYTES = 32 * 1024 * 1024;

const BEARER = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;

const MISSING: Answer<never> = refused('Send an access token: `Authorization: Bearer <JWT>`.');
const INVALID: Answer<never> = refused('The access token is not valid here. Get a new one from its issuer.');
const EXPIRED: Answer<never> = refused('The access token has expired. Get a new one from its issuer.');
const NOT_AN_OPERATOR: Answer<never> = {
  ok: false,
  refusal: {
    code: 'forbidden',
    detail: 'The token has not the scope holdfast:operator. Use an operator token.',
  },
};
const ANYONE: Gated = { ok: true, value: null };

function refused(detail: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { code: 'unauthenticated', detail } };
}

export function createGate(config: AuthConfig, ids: Ids, log: ErrorLog): Gate {
  const checker = createTokenChecker(config, (err) =>
    log.error({ err }, 'the JWKS cannot be fetched: new access tokens are answered 503 until it can'),
  );
  const remembered = new RecentlyUsed<Remembered>({ max: REMEMBERED_TOKENS, maxKeyLength: REMEMBERED_BYTES });

  const gate = (authorization: string | null, access: Access): Gated | Promise<Gated> => {
    if (access === 'public') return ANYONE;
    if (authorization === null) return MISSING;
    const known = remembered.get(authorization);
    if (known) return Date.now() / 1000 < known.goodUntilSeconds ? admit(known.caller, access) : EXPIRED;
    // Two Authorization headers arrive as one with a comma in it, which is no token either.
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return INVALID;
    const verdict = checker.verify(token);
    return verdict instanceof Promise
      ? verdict.then((facts) => judge(facts, authorization, access))
      : judge(verdict, authorization, access);
  };
  const endsAtSeconds = (authorization: string) => remembered.peek(authorization)?.goodUntilSeconds ?? 0;
  return Object.assign(gate, { endsAtSeconds });

  function judge(facts: Verdict, authorization: string, access: Access): Gated {
    if (facts === undefined) return INVALID;
    if (facts === 'expired') return EXPIRED;
    const { sub, operator, expiresAtSeconds } = facts;
    const caller: Answer<Caller> = { ok: true, value: { sub, key: ids.customerKey(sub), operator } };
    remembered.set(authorization, { caller, goodUntilSeconds: expiresAtSeconds + CLOCK_TOLERANCE_SECONDS });
    return admit(caller, access);
  }
}

function admit(caller: Answer<Caller>, access: Access): Gated {
  return access === 'operator' && caller.ok && !caller.value.operator ? NOT_AN_OPERATOR : caller;
}

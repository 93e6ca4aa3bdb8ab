// One shopper playing its plan through the verbs that HTTP calls. What it is told goes into the history; here it only decides
// what to do next. It gives up when the stock is gone for good, when it has tried often enough, or when the race closes.
import type { RaceDeed } from '@holdfast/contract/race';
import type { Ids } from '../../domain/ids.ts';
import type { Answer, Customer, ReservationVerbs } from '../../reservations/reservations.ts';
import { refusalOf } from '../problem-response.ts';
import { type Plan, randomFrom } from './plans.ts';

/** One call and what came back. Times are ms since the race began. */
export interface Deed {
  readonly shopper: number;
  readonly what: RaceDeed;
  /** Of reserves. */
  readonly key: string;
  readonly quantity: number;
  /** What it is about, or what came of it; null if nothing did. */
  readonly reservationId: string | null;
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  readonly outcome: Outcome;
}

export type Outcome =
  | { readonly ok: true; readonly replayed: boolean; readonly orderId: string | null }
  /** `mayReturn`: of `insufficient-stock`. */
  | { readonly ok: false; readonly code: string; readonly mayReturn: boolean | null };

export interface Track {
  readonly reservations: ReservationVerbs;
  readonly ids: Ids;
  readonly sku: string;
  readonly maxPerCustomer: number | null;
  readonly nowMs: () => number;
  /** After which nobody tries again. */
  readonly closesAtMs: number;
  readonly signal: AbortSignal;
  /** Bounded: a shopper has some twenty calls in it at most. */
  readonly note: (deed: Deed) => void;
}

/** Tries of one shopper: with sends and resend within the default limit of ten a minute. */
const MAX_TRIES = 6;
const FIRST_PAUSE_MS = 150;
const LONGEST_PAUSE_MS = 5_000;

export async function shop(shopper: number, customer: Customer, plan: Plan, track: Track): Promise<void> {
  const { maxPerCustomer } = track;
  if (plan.greedy && maxPerCustomer !== null) {
    await reserve(shopper, customer, `greedy-${shopper}`, Math.min(100, maxPerCustomer + 1), track);
  }
  const key = `key-${shopper}`;
  const id = await reserveWithPatience(shopper, customer, key, plan, track);
  if (id === null) return;
  if (plan.resends) await reserve(shopper, customer, key, 1, track);
  if (plan.ending === 'vanish') return;
  await pause(plan.thinkMs, track.signal);
  await finish(shopper, customer, id, plan, track);
}

/** The reservation's id; null if the shopper went home without one. */
async function reserveWithPatience(
  shopper: number,
  customer: Customer,
  key: string,
  plan: Plan,
  track: Track,
): Promise<string | null> {
  const random = randomFrom(plan.patienceSeed);
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const sends = tries === 1 ? plan.sends : 1;
    const deeds = await Promise.all(
      Array.from({ length: sends }, () => reserve(shopper, customer, key, 1, track)),
    );
    const done = deeds.find(({ outcome }) => outcome.ok);
    if (done) return done.reservationId;
    if (!deeds.some(({ outcome }) => mayChange(outcome))) return null;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (0.5 + random() / 2);
    if (track.nowMs() + pauseMs > track.closesAtMs) return null;
    await pause(pauseMs, track.signal);
  }
  return null;
}

/** True if trying again may give another answer: units may return, outages end. */
function mayChange(outcome: Outcome): boolean {
  return !outcome.ok && (outcome.code === 'unavailable' || outcome.mayReturn === true);
}

async function finish(
  shopper: number,
  customer: Customer,
  id: string,
  { ending }: Plan,
  track: Track,
): Promise<void> {
  const { reservations, ids } = track;
  const saleNumber = ids.saleOf('reservation', id, customer.key);
  if (saleNumber === undefined) throw new Error('an id that was issued to this customer has its sale in it');
  const about = { shopper, key: '', quantity: 1 } as const;
  const confirm = () =>
    act({ ...about, what: 'confirm' }, id, track, async () => {
      const answer = await reservations.confirm(customer, saleNumber, id, null);
      return answer.ok ? { ok: true, value: { id, replayed: false, orderId: answer.value.orderId } } : answer;
    });
  const release = () =>
    act({ ...about, what: 'release' }, id, track, async () => {
      const answer = await reservations.release(customer, saleNumber, id);
      return answer.ok ? { ok: true, value: { id, replayed: false, orderId: null } } : answer;
    });
  if (ending === 'release') await release();
  else if (ending === 'confirm and release') await Promise.all([confirm(), release()]);
  else if (ending === 'confirm') await confirm();
  else {
    await Promise.all([confirm(), confirm()]);
    await confirm();
  }
}

/** The address is left out: so many shoppers at one would only meet its limit. */
function reserve(
  shopper: number,
  customer: Customer,
  key: string,
  quantity: number,
  track: Track,
): Promise<Deed> {
  const request = {
    customer,
    address: '',
    idempotencyKey: key,
    lines: [{ sku: track.sku, quantity }],
    ttlSeconds: null,
  };
  return act({ shopper, key, quantity, what: 'reserve' }, null, track, async () => {
    const answer = await track.reservations.reserve(request);
    if (!answer.ok) return answer;
    const { view, replayed } = answer.value;
    return { ok: true, value: { id: view.record.reservationId, replayed, orderId: null } };
  });
}

interface Done {
  readonly id: string;
  readonly replayed: boolean;
  readonly orderId: string | null;
}

/** Calls, and notes what came of it. What HTTP would answer 503 is an answer to a shopper; a surprise ends the race. */
async function act(
  about: Pick<Deed, 'shopper' | 'what' | 'key' | 'quantity'>,
  reservationId: string | null,
  { nowMs, note, signal }: Track,
  call: () => Promise<Answer<Done>>,
): Promise<Deed> {
  signal.throwIfAborted();
  const sentAtMs = nowMs();
  const answer = await answered(call);
  const times = { sentAtMs, answeredAtMs: nowMs() };
  const deed: Deed = answer.ok
    ? {
        ...about,
        ...times,
        reservationId: answer.value.id,
        outcome: { ok: true, replayed: answer.value.replayed, orderId: answer.value.orderId },
      }
    : {
        ...about,
        ...times,
        reservationId,
        outcome: { ok: false, code: answer.refusal.code, mayReturn: mayReturn(answer.refusal.members) },
      };
  note(deed);
  return deed;
}

async function answered(call: () => Promise<Answer<Done>>): Promise<Answer<Done>> {
  try {
    return await call();
  } catch (error) {
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    return { ok: false, refusal };
  }
}

function mayReturn(members: Readonly<Record<string, unknown>> | undefined): boolean | null {
  const value = members?.may_return;
  return typeof value === 'boolean' ? value : null;
}

/** Resolves after the pause, or rejects at once when the race is called off. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}

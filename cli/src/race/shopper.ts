// One shopper playing its plan through the client SDK. What it is told is in the history; here it only decides
// what to do next. It gives up when the stock is gone for good, or when the race closes.
import { type HoldfastClient, HoldfastError } from '@holdfast/client';
import type { Gate } from './gate.ts';
import { randomFrom, type ShopperPlan } from './plans.ts';

export interface Track {
  readonly sku: string;
  readonly ttlSeconds: number;
  readonly gate: Gate;
  /** performance.now() after which nobody tries again. */
  readonly closesAtMs: number;
  readonly signal: AbortSignal;
}

/** Tries are spread over a growing part of the TTL: often enough to meet a unit that comes back. */
const FIRST_PAUSE_MS = 40;
const LONGEST_PAUSE_MS = 1000;
/** The race's own end comes before; a limit all the same. */
const MAX_TRIES = 2000;

export async function shop(plan: ShopperPlan, client: HoldfastClient, track: Track): Promise<void> {
  const key = crypto.randomUUID();
  const line = { sku: track.sku, quantity: 1 };
  const reserve = () =>
    attempt(() => track.gate.through(() => client.reserve(line, { idempotencyKey: key })));
  const id = await reserveWithPatience(plan, track, reserve);
  if (id === undefined) return;
  if (plan.resends) await reserve();
  if (plan.ending !== 'vanish') {
    await pause(plan.thinkMs, track.signal);
    await finish(plan, track, client, id);
  }
  if (plan.replaysLate) await reserve();
}

type Outcome<T> = { readonly value: T } | { readonly error: HoldfastError };

/** Refusals and failures are answers to a shopper; anything else is a mistake of this program. */
async function attempt<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await call() };
  } catch (error) {
    if (error instanceof HoldfastError && error.code !== 'aborted') return { error };
    throw error;
  }
}

/** The reservation's id; undefined if the shopper went home without one. */
async function reserveWithPatience(
  plan: ShopperPlan,
  track: Track,
  reserve: () => Promise<Outcome<{ reservation: { reservation_id: string } }>>,
): Promise<string | undefined> {
  const random = randomFrom(plan.patienceSeed);
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const outcomes = await Promise.all(Array.from({ length: tries === 1 ? plan.sends : 1 }, reserve));
    const refusals: HoldfastError[] = [];
    for (const outcome of outcomes) {
      if ('value' in outcome) return outcome.value.reservation.reservation_id;
      refusals.push(outcome.error);
    }
    if (!refusals.some(mayChange)) return undefined;
    const longestMs = Math.min(
      LONGEST_PAUSE_MS,
      (track.ttlSeconds * 1000) / 4,
      FIRST_PAUSE_MS * 2 ** (tries - 1),
    );
    const askedMs = Math.max(...refusals.map((error) => (error.retryAfterSeconds ?? 0) * 1000));
    const pauseMs = askedMs + longestMs * (0.5 + random() / 2);
    if (performance.now() + pauseMs > track.closesAtMs) return undefined;
    await pause(pauseMs, track.signal);
  }
  return undefined;
}

/** True if trying again may give another answer: units may return, limits reset, outages end. */
function mayChange(error: HoldfastError): boolean {
  return error.code === 'insufficient-stock' ? error.problem?.may_return === true : error.isRetryable;
}

async function finish(
  { ending }: ShopperPlan,
  { gate }: Track,
  client: HoldfastClient,
  id: string,
): Promise<void> {
  const confirm = () => attempt(() => gate.through(() => client.confirm(id)));
  const release = () => attempt(() => gate.through(() => client.release(id)));
  switch (ending) {
    case 'confirm':
    case 'confirm late':
      await confirm();
      return;
    case 'confirm twice':
      await Promise.all([confirm(), confirm()]);
      await confirm();
      return;
    case 'confirm and release':
      await Promise.all([confirm(), release()]);
      return;
    case 'release':
      await release();
      return;
    case 'vanish':
      return;
  }
}

/** Resolves after the pause, or rejects at once when the race is called off. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
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

// After the race: wait until what was left to expire has expired, then read what the service and its ledger
// say happened: the item, and by every customer who may have one, each reservation and order.
import { type HoldfastClient, HoldfastError } from '@holdfast/client';
import { earliestDeadlineMs, type Story } from '@holdfast/client/stories';
import type { Item } from '@holdfast/contract/inventory';
import type { Order } from '@holdfast/contract/orders';
import type { ReservationStatus } from '@holdfast/contract/reservations';
import type { Gate } from './gate.ts';
import { pause } from './shopper.ts';
import { CouldNotRun } from './venue.ts';

export interface Aftermath {
  readonly item: Item;
  /** Milliseconds past the last deadline at which units were still reserved; 0 if all came back in time. */
  readonly overdueMs: number;
  /** Reservation id → what it has become, or the code of the refusal to say. */
  readonly reservations: ReadonlyMap<string, ReservationStatus | `refused: ${string}`>;
  /** Every order of the sale that its customers can read. */
  readonly orders: readonly (Order & { readonly shopper: string })[];
}

/** Well within the default rate limit of an address. */
const POLL_MS = 200;
/** I6: nothing is active 2 s past its deadline. */
export const EXPIRY_LIMIT_MS = 2000;
/** A confirm without an answer keeps its unit pinned for 30 s and is then resolved by the ledger. */
const PIN_LIMIT_MS = 40_000;
/** The reads after the race wait out rate limits up to this long each. */
const RATE_LIMIT_WAIT_MS = 60_000;

interface AftermathParts {
  readonly saleId: string;
  readonly sku: string;
  readonly stories: readonly Story[];
  readonly clientOf: (shopper: string) => HoldfastClient;
  readonly visitor: HoldfastClient;
  readonly gate: Gate;
  readonly signal: AbortSignal;
}

/** @throws CouldNotRun when the service does not answer: then nothing can be judged. */
export async function readAftermath(parts: AftermathParts): Promise<Aftermath> {
  try {
    const overdueMs = await waitForQuiet(parts);
    const orders = await readOrders(parts);
    const reservations = await readReservations(parts);
    const item = await patiently(() => parts.visitor.item(parts.sku), parts.signal);
    return { item, overdueMs, reservations, orders };
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === 'aborted') throw error;
    throw new CouldNotRun(`The service could not be read after the race: ${error.message}`);
  }
}

async function waitForQuiet({ stories, visitor, sku, signal }: AftermathParts): Promise<number> {
  const lastDeadlineMs = Math.max(0, ...stories.map(latestDeadlineMs));
  const openConfirms = stories.some(
    (story) =>
      story.firstConfirmSentAtMs < Number.POSITIVE_INFINITY &&
      Math.min(story.confirmedAtMs, story.freedAtMs) === Number.POSITIVE_INFINITY,
  );
  const limitMs =
    Math.max(lastDeadlineMs, performance.now()) + (openConfirms ? PIN_LIMIT_MS : EXPIRY_LIMIT_MS);
  for (;;) {
    const askedAtMs = performance.now();
    const { reserved } = await patiently(() => visitor.item(sku), signal);
    if (reserved === 0) return 0;
    if (askedAtMs > limitMs) return askedAtMs - lastDeadlineMs;
    await pause(POLL_MS, signal);
  }
}

/** By when its deadline has passed; for one that was never answered, a guess on the late side. */
function latestDeadlineMs(story: Story): number {
  if (story.accepted === undefined) return earliestDeadlineMs(story);
  return story.accepted.firstAtMs + story.accepted.ttlMs;
}

async function readOrders(parts: AftermathParts): Promise<(Order & { shopper: string })[]> {
  const shoppers = [...new Set(parts.stories.map((story) => story.shopper))];
  const lists = await Promise.all(
    shoppers.map((shopper) =>
      parts.gate.through(async () => {
        const orders = await patiently(() => Array.fromAsync(parts.clientOf(shopper).orders()), parts.signal);
        return orders
          .filter((order) => order.sale_id === parts.saleId)
          .map((order) => ({ ...order, shopper }));
      }),
    ),
  );
  return lists.flat();
}

async function readReservations(parts: AftermathParts): Promise<Aftermath['reservations']> {
  const found = new Map<string, ReservationStatus | `refused: ${string}`>();
  await Promise.all(
    parts.stories.map(({ shopper, reservationId }) =>
      parts.gate.through(async () => {
        if (reservationId === undefined) return;
        const status = await patiently(() => statusOf(parts.clientOf(shopper), reservationId), parts.signal);
        found.set(reservationId, status);
      }),
    ),
  );
  return found;
}

async function statusOf(
  client: HoldfastClient,
  id: string,
): Promise<ReservationStatus | `refused: ${string}`> {
  try {
    return (await client.reservation(id)).status;
  } catch (error) {
    if (error instanceof HoldfastError && (error.status === 404 || error.status === 409))
      return `refused: ${error.code}`;
    throw error;
  }
}

/** Waits out rate limits: the judge has time. Each read again at most until RATE_LIMIT_WAIT_MS is used up. */
async function patiently<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const endMs = performance.now() + RATE_LIMIT_WAIT_MS;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.status !== 429) throw error;
      const waitMs = (error.retryAfterSeconds ?? 1) * 1000;
      if (performance.now() + waitMs > endMs) throw error;
      await pause(waitMs, signal);
    }
  }
}

// The sentences of the customer's verbs: each refusal says what happened and what to do next.
import type { Refusal } from '@holdfast/contract/problems';
import type { ExtensionRules } from '../domain/ledger-facts.ts';
import type { ReserveLimits, ReserveReply } from '../domain/sale-store.ts';

const MINUTE_SECONDS = 60;
/** A retry after this long finds the service again, or another answer. */
const RETRY_SECONDS = 1;

export const UNKNOWN_RESERVATION: Refusal = {
  code: 'unknown-reservation',
  detail:
    'You have no reservation with this id. Check the id, and that the token is the one you reserved with.',
};

export const UNKNOWN_ORDER: Refusal = {
  code: 'unknown-order',
  detail: 'You have no order with this id. Check the id, and that the token is the one you ordered with.',
};

export const EXPIRED: Refusal = {
  code: 'reservation-expired',
  detail:
    'The reservation reached its deadline and its units went back on sale. Reserve again with a new key.',
};

export const RELEASED: Refusal = {
  code: 'reservation-released',
  detail: 'The reservation was released and its units went back on sale. Reserve again with a new key.',
};

export const LOST: Refusal = {
  code: 'reservation-lost',
  detail:
    'The reservation was accepted and then lost in a failure on our side; it was not charged. Reserve again with a new key.',
};

export const NOT_ACTIVE: Refusal = {
  code: 'not-active',
  detail:
    'Only an active reservation can be extended; this one is being confirmed, was confirmed or was released. Read it to see.',
};

export function extensionLimit({ max, maxLifetimeSeconds }: ExtensionRules): Refusal {
  return {
    code: 'extension-limit',
    detail:
      `This sale allows ${max} ${max === 1 ? 'extension' : 'extensions'} and ${maxLifetimeSeconds} s in all. ` +
      'Confirm the reservation before its deadline.',
    members: { max_extensions: max, max_lifetime_seconds: maxLifetimeSeconds },
  };
}

export const ALREADY_CONFIRMED: Refusal = {
  code: 'already-confirmed',
  detail: 'The reservation is confirmed and has become an order. Read your orders to find it.',
};

export const CONFIRM_IN_PROGRESS: Refusal = {
  code: 'confirm-in-progress',
  detail: 'The reservation is being confirmed right now. Read it again in a moment.',
  retryAfterSeconds: RETRY_SECONDS,
};

export const SPANNING_SALES: Refusal = {
  code: 'items-span-sales',
  detail: 'The items belong to different sales. Reserve the items of each sale in a request of its own.',
};

export function unknownSku(count: number): Refusal {
  const detail = count === 1 ? 'No item has this SKU.' : 'At least one of the SKUs belongs to no item.';
  return { code: 'unknown-sku', detail: `${detail} List the items to see what is on sale.` };
}

export function unavailable(detail: string, retryAfterSeconds = RETRY_SECONDS): Refusal {
  return { code: 'unavailable', detail, retryAfterSeconds };
}

export function ttlTooLong(maxSeconds: number): Refusal {
  return {
    code: 'invalid-request',
    detail: 'The request body has 1 invalid part.',
    errors: [{ path: '/ttl_seconds', message: `must be at most ${maxSeconds}, the time this sale grants` }],
  };
}

/** Every reply of the stock store that is no reservation, as the contract words it. `single`: the body named one SKU. */
export function refusalOf(
  reply: Exclude<ReserveReply, { kind: 'reserved' | 'replayed' }>,
  limits: ReserveLimits,
  single: boolean,
): Refusal {
  switch (reply.kind) {
    case 'key-reused':
      return {
        code: 'idempotency-key-reused',
        detail:
          'This idempotency key was used with another body. Send the first body again, or use a new key.',
      };
    case 'rate-limited': {
      const quota = reply.window === 'customer' ? limits.perCustomer : limits.perAddress;
      const retryAfterSeconds = Math.ceil(reply.retryAfterMs / 1000);
      return {
        code: 'rate-limited',
        detail: `Too many attempts to reserve in this sale. Wait ${retryAfterSeconds} s before the next.`,
        retryAfterSeconds,
        rateLimit: { name: 'reserve', quota, windowSeconds: MINUTE_SECONDS },
      };
    }
    case 'cooling-down': {
      const { expirations, minutes } = reply.cooldown;
      const retryAfterSeconds = Math.ceil(reply.retryAfterMs / 1000);
      return {
        code: 'cooling-down',
        detail:
          `Too many of your reservations in this sale expired lately. Reserve again in ${retryAfterSeconds} s, ` +
          'and release what you do not buy: that does not count.',
        retryAfterSeconds,
        rateLimit: { name: 'cooldown', quota: expirations, windowSeconds: minutes * MINUTE_SECONDS },
      };
    }
    case 'not-open':
      return {
        code: 'sale-not-open',
        detail: 'The sale has not opened yet. Come back at its opening time.',
        retryAfterSeconds: Math.max(1, Math.ceil((reply.opensAtMs - reply.nowMs) / 1000)),
        members: { opens_at: new Date(reply.opensAtMs).toISOString() },
      };
    case 'closed':
      return { code: 'sale-closed', detail: 'The sale is closed: nothing in it can be reserved any more.' };
    case 'limit-exceeded':
      return {
        code: 'limit-exceeded',
        detail: `One customer may have ${reply.limit} of this item; you have ${reply.held}, reserved or bought. Ask for fewer.`,
        members: { limit: reply.limit, held: reply.held },
      };
    case 'short':
      return shortOf(reply.lines, single);
    case 'unknown-sku':
      return unknownSku(1);
    case 'backlogged':
      return unavailable(
        'The journal is catching up with the sale. Try again in a moment with the same key.',
      );
  }
}

function shortOf(
  lines: readonly { sku: string; available: number; reserved: number }[],
  single: boolean,
): Refusal {
  const mayReturn = lines.every((line) => line.reserved > 0);
  const detail = mayReturn
    ? 'Not enough units are available, but some are reserved and may come back. Try again shortly.'
    : 'Not enough units are left. Ask for fewer, or for something else.';
  const [first] = lines;
  if (single && first) {
    const { available, reserved } = first;
    return {
      code: 'insufficient-stock',
      detail,
      members: { available, reserved, may_return: reserved > 0, waitlist_open: false },
    };
  }
  return {
    code: 'insufficient-stock',
    detail,
    members: {
      items: lines.map(({ sku, available, reserved }) => ({
        sku,
        available,
        reserved,
        may_return: reserved > 0,
      })),
      waitlist_open: false,
    },
  };
}

// Watching instead of asking: items as they change, and what becomes of a customer's own reservations. The messages of
// the WebSocket, the events of the stream, and how each side may end them.
import * as z from 'zod';
import { Item } from './inventory.ts';
import { operation } from './operation.ts';
import { Order } from './orders.ts';
import { Reservation } from './reservations.ts';
import { Instant, Sku } from './vocabulary.ts';

/** More than a page shows at once; each is looked after as long as the socket lives. */
export const MAX_LIVE_SKUS = 50;
/** A client has one thing to say, an access token; honest ones have some 300 bytes. */
export const MAX_LIVE_MESSAGE_BYTES = 4 * 1024;
/** Changes of one item that a viewer is told a second: beyond it only the last one. */
export const LIVE_CHANGES_PER_SECOND = 10;
/** While the service hears the stock store, it says so this often. */
export const LIVE_BEAT_MS = 5_000;
/** Two beats and a little: a page that has heard nothing for longer shows what it has as stale. */
export const LIVE_STALE_MS = 12_000;

/** Why the service closes a socket, beside 1001 (it is stopping: connect again) and 1009 (the message was too long). */
export const LIVE_CLOSE = {
  /** A SKU that is not there, too many of them, or a message that is none. */
  badRequest: 4400,
  /** The token was refused, or has expired meanwhile: connect again with a new one. */
  token: 4401,
  /** Too many sockets of this address, or too many messages. */
  tooMany: 4429,
} as const;

const SKU_LIST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:,[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,49}$/;

export const LiveQuery = z.strictObject({
  skus: z
    .string()
    .regex(SKU_LIST, `must be 1–${MAX_LIVE_SKUS} SKUs with commas between them`)
    .optional()
    .meta({
      description: `The items to watch: 1–${MAX_LIVE_SKUS} SKUs with commas between them.`,
      examples: ['FLASH-SALE-001,FLASH-SALE-002'],
    }),
});

/** The first and only message of a client. */
export const LiveAuth = z.strictObject({
  type: z.literal('auth'),
  token: z.string().min(1).meta({ description: 'An access token. Never in a URL: those are logged.' }),
});

const BEAT_EXAMPLE = { type: 'beat' as const, at: '2026-11-27T09:00:05.000Z' };

export const LiveBeat = z
  .object({
    type: z.literal('beat'),
    at: Instant.meta({ description: "The stock store's clock. No beat for 12 s: what is shown is stale." }),
  })
  .meta({ examples: [BEAT_EXAMPLE] });

/** Whatever the service sends; `reservation` and `order` to their own customer alone. */
export const LiveMessage = z
  .union([
    z.object({ type: z.literal('item'), item: Item }),
    LiveBeat,
    z.object({ type: z.literal('ready') }),
    z.object({ type: z.literal('reservation'), reservation: Reservation }),
    z.object({ type: z.literal('order'), order: Order }),
  ])
  .meta({ description: 'One text message, by its `type`.', examples: [BEAT_EXAMPLE] });

/** The SKUs of `?skus=`, each once; undefined if they are none, or too many. */
export function readSkus(given: string | null | undefined): readonly string[] | undefined {
  const skus = [...new Set((given ?? '').split(','))];
  if (skus.length > MAX_LIVE_SKUS) return undefined;
  return skus.every((sku) => Sku.safeParse(sku).success) ? skus : undefined;
}

export const live = operation({
  id: 'live',
  tag: 'Live',
  method: 'GET',
  path: '/api/v1/live',
  summary: 'Items as they change, over a WebSocket',
  description: `A WebSocket: send \`Upgrade: websocket\`. Each item is sent at once and then whenever it changes, at most ${LIVE_CHANGES_PER_SECOND} times a second, as \`{"type":"item","item":{…}}\`; the last change always comes. Every ${LIVE_BEAT_MS / 1000} s \`{"type":"beat","at":"…"}\` says that the stock store is being heard: after ${LIVE_STALE_MS / 1000} s without any message, show what you have as stale.

A customer who sends \`{"type":"auth","token":"…"}\` as the first message is answered \`{"type":"ready"}\`, then sent the live reservations, and from then on every change of them: \`{"type":"reservation","reservation":{…}}\`, expiry included, and \`{"type":"order","order":{…}}\`.

Close codes: 4400 bad request (an unknown SKU, a message that is none), 4401 token (refused, or expired meanwhile), 4429 too many (sockets of one address, messages), 1001 the service is stopping: connect again. Pages of other origins than the service's own and those of \`HOLDFAST_CORS_ORIGINS\` are refused.`,
  access: 'public',
  query: LiveQuery,
  limit: 'requests',
  success: {
    status: 101,
    description: 'The messages, one by one.',
    schema: LiveMessage,
  },
  problems: ['origin-not-allowed', 'upgrade-required'],
});

export const itemEvents = operation({
  id: 'itemEvents',
  tag: 'Live',
  method: 'GET',
  path: '/api/v1/inventory/{sku}/events',
  summary: 'One item as it changes, as Server-Sent Events',
  description: `\`event: item\` with the item as one line of JSON in \`data:\`, at once and then whenever it changes, at most ${LIVE_CHANGES_PER_SECOND} times a second; \`event: beat\` every ${LIVE_BEAT_MS / 1000} s while the stock store is being heard. Has no end of its own: when the service stops, connect again.`,
  access: 'public',
  pathId: { name: 'sku', schema: Sku, unknown: 'unknown-sku' },
  limit: 'requests',
  success: {
    status: 200,
    description: 'Events without end.',
    schema: z
      .union([Item, LiveBeat])
      .meta({ description: 'The `data:` of one event.', examples: [BEAT_EXAMPLE] }),
    textType: 'text/event-stream',
    endless: true,
  },
  problems: [],
});

export type LiveAuth = z.infer<typeof LiveAuth>;
export type LiveMessage = z.infer<typeof LiveMessage>;

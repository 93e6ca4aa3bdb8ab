// What to do about each problem, for the documentation: one or two sentences that hold for every operation. The
// `detail` of an answer is written where the refusal is made, and may know more.
import type { ProblemCode } from './problems.ts';

export const PROBLEM_ADVICE: Readonly<Record<ProblemCode, string>> = {
  'invalid-request':
    'Correct the parts that `errors` names and send it again. Nothing was done; the idempotency key is still free.',
  'idempotency-key-required':
    'Send `Idempotency-Key`: a new one with each new wish, the same one with each retry of it.',
  unauthenticated:
    'Get a new access token and send it as `Authorization: Bearer …`. Tokens live at most 15 minutes.',
  forbidden:
    'Use a token whose `scope` includes `holdfast:operator`. A retry with this one is refused again.',
  'demo-auth-off': "Get a token from the shop's identity provider, or start with `HOLDFAST_DEMO_AUTH=1`.",
  'origin-not-allowed':
    'Open the page from the service itself, or name its origin in `HOLDFAST_CORS_ORIGINS`.',
  'sale-not-open': "Wait until the sale's `opens_at` and try again. The server's clock decides.",
  'sale-closed': 'Nothing more is sold here. Live reservations can still be confirmed until their deadline.',
  'not-found': 'Check the path, letter by letter: nothing is decoded, and there is no trailing slash.',
  'unknown-sku': 'Check the SKU against `GET /api/v1/inventory`.',
  'unknown-sale': 'Check the id against `GET /api/v1/sales`.',
  'unknown-reservation':
    "Check the id and whose token was sent. Another customer's id, a mistyped and an invented one read alike.",
  'unknown-order':
    "Check the id and whose token was sent. Another customer's id, a mistyped and an invented one read alike.",
  'method-not-allowed': 'Use one of the methods that `Allow` lists.',
  'insufficient-stock':
    'With `may_return` true units are reserved and may come back: try again a little later. With false they are sold.',
  'not-active': 'Read the reservation: `status` says what became of it.',
  'stock-in-use':
    'Take out at most what is neither reserved nor sold, or wait until reservations have resolved.',
  'stale-total': 'Read the item, look at its `total` again, and decide anew.',
  'already-confirmed': 'The units are bought. Read the order at `order_id` of the reservation.',
  'confirm-in-progress': 'Ask again in a moment: it is about to be confirmed or not.',
  'reservation-released':
    'Reserve again, with a new idempotency key: the units went back when it was released.',
  'reservation-lost':
    'Tell the customer, and reserve again with a new idempotency key: a failure took the reservation away.',
  'sale-exists': 'Choose another id, or read the sale and go on with it.',
  'sku-in-use': 'Close the other sale first, or use another SKU.',
  'race-running': 'Wait for its end, at most half a minute, and try again.',
  'reservation-expired': 'Reserve again, with a new idempotency key. Confirm before `expires_at`.',
  'body-too-large': 'Send less: customer routes take 8 KiB, operator routes 1 MiB.',
  'unsupported-media-type': 'Send the body as `application/json`, in UTF-8, not compressed.',
  'idempotency-key-reused':
    'Use a new key for a new wish. A retry must carry the body that the key was first sent with.',
  'limit-exceeded': 'Ask for at most `limit` less `held` units, or release some first.',
  'extension-limit': 'Confirm before `expires_at`: the sale allows no further extension, or none that long.',
  'items-span-sales': 'Make one reservation for each sale.',
  'upgrade-required':
    'Open a WebSocket there. Where there is none, watch `/api/v1/inventory/{sku}/events` or ask every few seconds.',
  'rate-limited': 'Wait as many seconds as `Retry-After` says. A refused attempt does not count.',
  'cooling-down':
    'Wait as many seconds as `Retry-After` says, and release what the customer does not want: only what expires counts.',
  internal:
    'Try again with the same request and idempotency key. If it stays, report it with its `request_id`.',
  unavailable:
    'Try again after `Retry-After`, with the same request and idempotency key: it cannot happen twice.',
};

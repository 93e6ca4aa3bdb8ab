// The words of the wire: what an id, a quantity, an amount and an instant look like, and how large things may
// get. Every schema elsewhere in the contract is put together from these. Bodies are strict objects: an unknown
// field is refused, never stripped, because a shop that sends `price` believes it means something.
import * as z from 'zod';

// ---- Bounds, each with its reason --------------------------------------------------------------------------

/** More units in one reservation is a wholesale order, not a flash sale. */
export const MAX_QUANTITY = 100;
/** Lines of a cart: they are decided in one step, so their number bounds that step. */
export const MAX_LINES = 20;
/** Keeps every sum of stock far inside what Redis, Lua and JSON represent exactly. */
export const MAX_STOCK = 100_000_000;
/** Items in one operator request: they are written in one transaction. More go in further requests. */
export const MAX_ITEMS_PER_REQUEST = 1_000;
/** An order has at most 20 × 100 units, so a total stays below 2^53 and exact. */
export const MAX_AMOUNT_MINOR = 1_000_000_000_000;
/** Shorter than this and a shopper cannot pay in time; the upper end is the sale's own. */
export const MIN_REQUESTED_TTL_SECONDS = 10;
/** A day: a reservation is a promise for a checkout, not for a basket. */
export const MAX_TTL_SECONDS = 86_400;
/** So many times are kept of a customer at most. */
export const MAX_COOLDOWN_EXPIRATIONS = 100;
/** A day: as long as an expired reservation is kept. */
export const MAX_COOLDOWN_MINUTES = 1_440;
export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 200;

// ---- Ids ---------------------------------------------------------------------------------------------------

// `reserve` is not a SKU: /api/v1/inventory/reserve is a route.
export const Sku = z
  .string()
  .regex(
    /^(?!reserve$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be a SKU: 1–64 letters, digits, ".", "_" or "-"',
  )
  .meta({ description: 'Stock keeping unit; any but the word `reserve`.', examples: ['FLASH-SALE-001'] });

export const SaleId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be a sale id: 1–64 lower-case letters, digits or "-"')
  .meta({ description: 'Chosen by the operator.', examples: ['flash-sale'] });

export const ReservationId = z
  .string()
  .regex(/^rsv_[A-Za-z0-9_-]{22}$/, 'must be a reservation id: "rsv_" and 22 characters')
  .meta({ examples: ['rsv_AAAAAUc3Yl9kM0pQc1RtXw'] });

export const OrderId = z
  .string()
  .regex(/^ord_[A-Za-z0-9_-]{22}$/, 'must be an order id: "ord_" and 22 characters')
  .meta({ examples: ['ord_AAAAAWJ2bkE4dXJ5aG9sZA'] });

/** Header `Idempotency-Key`: 1–255 visible ASCII characters. */
export const IdempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1–255 visible ASCII characters')
  .meta({ examples: ['6f1c2d9e-2f0b-4a3c-9f57-0f3f5b8f6a11'] });

/**
 * A customer as the token's `sub` names them: printable ASCII. Braces are refused: they delimit hash tags in
 * Redis, and although customers appear there only as keyed hashes, nothing is lost by never letting them in.
 */
export const CustomerId = z
  .string()
  .regex(/^[\x20-\x7a|\x7e]{1,128}$/, 'must be 1–128 printable ASCII characters without braces')
  .meta({ examples: ['customer-42'] });

// ---- Numbers -----------------------------------------------------------------------------------------------

/** JSON can write -0; no quantity or amount means it. */
export const notMinusZero = (value: number): boolean => !Object.is(value, -0);

export const Quantity = z
  .int()
  .min(1)
  .max(MAX_QUANTITY)
  .meta({ description: 'Units.', examples: [2] });

export const Stock = z
  .int()
  .min(0)
  .max(MAX_STOCK)
  .refine(notMinusZero, 'must not be -0')
  .meta({ description: 'Units in stock.', examples: [100] });

export const MaxPerCustomer = z
  .int()
  .min(1)
  .max(MAX_STOCK)
  .meta({ description: 'Most units one customer may hold, reserved and bought together.', examples: [2] });

export const TtlSeconds = z
  .int()
  .min(1)
  .max(MAX_TTL_SECONDS)
  .meta({ description: 'Seconds.', examples: [300] });

const amountUpTo = (maxMinor: number) =>
  z.strictObject({
    amount_minor: z.int().min(0).max(maxMinor).refine(notMinusZero, 'must not be -0'),
    currency: z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as USD'),
  });

export const Money = amountUpTo(MAX_AMOUNT_MINOR).meta({
  description: 'An amount in the minor unit of its currency: 2999 USD is $29.99.',
  examples: [{ amount_minor: 2999, currency: 'USD' }],
});

/** What a whole order comes to: every unit of every line at the highest price. */
export const MoneyTotal = amountUpTo(MAX_AMOUNT_MINOR * MAX_LINES * MAX_QUANTITY).meta({
  description: 'A sum of amounts, in the minor unit of its currency.',
  examples: [{ amount_minor: 5998, currency: 'USD' }],
});

// ---- Text and time -----------------------------------------------------------------------------------------

/**
 * Text for people, 1 to `max` characters: no control characters (a NUL cannot be stored, a line break forges
 * log lines) and no half of a surrogate pair (it would come back as another character).
 */
export const Text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters or broken Unicode');

export const Name = Text(200).meta({ examples: ['Midnight sneaker'] });

export const PaymentReference = Text(255).meta({
  description: "The payment provider's reference; kept with the order.",
  examples: ['pi_3OqYpL2eZvKYlo2C'],
});

const INSTANT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})$/;

/** Date.parse rolls 30 February over into March; an instant that does not name a real second is refused. */
function isInstant(value: string): boolean {
  const local = INSTANT.exec(value)?.[1];
  if (local === undefined || Number.isNaN(Date.parse(value))) return false;
  return new Date(`${local}Z`).toISOString().startsWith(local);
}

/** An instant that a caller sends: any offset, at most milliseconds. */
export const InstantInput = z
  .string()
  .refine(isInstant, 'must be an RFC 3339 instant such as 2026-11-27T09:00:00.000Z')
  .meta({ format: 'date-time', examples: ['2026-11-27T09:00:00.000Z'] });

/** An instant that the service answers: always UTC with milliseconds. */
export const Instant = z.string().meta({
  format: 'date-time',
  description: 'RFC 3339, UTC, milliseconds.',
  examples: ['2026-11-27T09:00:00.000Z'],
});

// ---- Lists -------------------------------------------------------------------------------------------------

export const PageQuery = z.strictObject({
  limit: z
    .int()
    .min(1)
    .max(MAX_PAGE_SIZE)
    .optional()
    .meta({ description: `Most entries to answer; ${DEFAULT_PAGE_SIZE} by default.` }),
  cursor: z
    .string()
    .regex(/^[\x21-\x7e]{1,512}$/, 'must be a next_cursor of an earlier answer')
    .optional()
    .meta({ description: '`next_cursor` of the previous page.' }),
});

/** A page of a list: `next_cursor` is null on the last one. */
export const pageOf = <Row extends z.ZodType>(row: Row) =>
  z.object({
    data: z.array(row),
    next_cursor: z.string().nullable().meta({ description: 'Pass it as `cursor`; null at the end.' }),
  });

export type Money = z.infer<typeof Money>;
export type PageQuery = z.infer<typeof PageQuery>;
/** What every list answers. */
export interface Page<Row> {
  data: Row[];
  next_cursor: string | null;
}

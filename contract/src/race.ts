// The race lab: shoppers race for the last units of a throwaway sale inside the service, line by line, and the ledger
// judges at the end.
import * as z from 'zod';
import { operation } from './operation.ts';
import { MaxPerCustomer, notMinusZero, SaleId, Sku } from './vocabulary.ts';

export const MIN_SHOPPERS = 2;
export const MAX_SHOPPERS = 2_000;
export const MAX_RACE_UNITS = 10_000;
/** Seeds are 32 bits: what the plans are dealt with takes no more. */
export const MAX_SEED = 2 ** 32 - 1;
/** Events in one line, so that no line is long. */
export const MAX_EVENTS_A_LINE = 500;

export const RaceBody = z
  .strictObject({
    shoppers: z.int().min(MIN_SHOPPERS).max(MAX_SHOPPERS),
    units: z.int().min(1).max(MAX_RACE_UNITS),
    max_per_customer: MaxPerCustomer.optional(),
    seed: z
      .int()
      .min(0)
      .max(MAX_SEED)
      .refine(notMinusZero, 'must not be -0')
      .optional()
      .meta({ description: 'The same seed makes the same plans. A new one, if left out.' }),
  })
  .meta({ examples: [{ shoppers: 200, units: 10, seed: 42 }] });

const Count = z.int().min(0);
const Ms = z.number().min(0);

export const RaceDeed = z.enum(['reserve', 'confirm', 'release']);

/** One call of one shopper. A tuple, because there are thousands. */
export const RaceEvent = z.tuple([Count, RaceDeed, Ms, Ms, z.string()]).meta({
  description:
    'Which shopper, from 0; what; sent and answered, in ms since the start; the reservation id if it was done, else the problem code.',
});

export const RaceStarted = z.object({
  type: z.literal('started'),
  sale_id: SaleId,
  sku: Sku,
  shoppers: Count,
  units: Count,
  seed: Count,
});

export const RaceEvents = z.object({
  type: z.literal('events'),
  events: z.array(RaceEvent).min(1).max(MAX_EVENTS_A_LINE),
});

export const RaceStock = z.object({
  type: z.literal('stock'),
  at_ms: Ms,
  available: z.int(),
  reserved: Count,
  sold: Count,
});

export const RaceCheck = z.object({
  promise: z.string().meta({ description: 'In a few words.' }),
  ok: z.boolean(),
  detail: z.string().meta({ description: 'What was found, in a sentence.' }),
});

export const RaceQuantiles = z.object({ p50_ms: Ms, p95_ms: Ms, p99_ms: Ms, max_ms: Ms });

export const RaceVerdict = z.object({
  type: z.literal('verdict'),
  ok: z.boolean().meta({ description: 'Every promise was kept.' }),
  checks: z.array(RaceCheck),
  winners: Count.meta({ description: 'Shoppers with an order in the ledger.' }),
  oversold: Count.meta({ description: 'Units sold beyond the stock.' }),
  duplicates: Count.meta({
    description: 'Keys that had more than one effect, and orders beyond one a reservation.',
  }),
  duration_ms: Ms,
  latency: z.object({ reserve: RaceQuantiles.nullable(), confirm: RaceQuantiles.nullable() }),
  ledger: z.object({ available: z.int(), reserved: Count, sold: Count, total: Count, orders: Count }),
});

/** The race could not be brought to its end: nothing was judged. */
export const RaceFailed = z.object({ type: z.literal('failed'), detail: z.string() });

export const RaceLine = z
  .discriminatedUnion('type', [RaceStarted, RaceEvents, RaceStock, RaceVerdict, RaceFailed])
  .meta({
    examples: [
      {
        type: 'events',
        events: [[17, 'reserve', 12.5, 19.25, 'rsv_AAAAAUc3Yl9kM0pQc1RtXw']],
      },
    ],
  });

export const runRace = operation({
  id: 'runRace',
  tag: 'Operators',
  method: 'POST',
  path: '/api/v1/admin/races',
  summary: 'Race for the last units',
  description:
    'Shoppers inside the process race for a throwaway sale through the same verbs that HTTP calls; nothing of other sales is touched. Answers one JSON object a line, as it happens: `started`, `events`, `stock`, and at last the `verdict` from the ledger (or `failed`). At most 30 seconds. Hanging up calls it off. ' +
    'The sale is closed at the end and stays in the list of sales as a closed one.',
  access: 'operator',
  body: { schema: RaceBody },
  limit: 'requests',
  success: {
    status: 200,
    description: 'One line of JSON after another.',
    schema: RaceLine,
    streamType: 'application/x-ndjson',
  },
  problems: ['race-running'],
});

export type RaceBody = z.infer<typeof RaceBody>;
export type RaceDeed = z.infer<typeof RaceDeed>;
export type RaceEvent = z.infer<typeof RaceEvent>;
export type RaceStarted = z.infer<typeof RaceStarted>;
export type RaceEvents = z.infer<typeof RaceEvents>;
export type RaceStock = z.infer<typeof RaceStock>;
export type RaceCheck = z.infer<typeof RaceCheck>;
export type RaceQuantiles = z.infer<typeof RaceQuantiles>;
export type RaceVerdict = z.infer<typeof RaceVerdict>;
export type RaceFailed = z.infer<typeof RaceFailed>;
export type RaceLine = z.infer<typeof RaceLine>;

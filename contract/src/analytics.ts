// How a sale went: a series of what happened in each step, and the funnel from attempts to orders.
import * as z from 'zod';
import { operation } from './operation.ts';
import { Instant, InstantInput, SaleId } from './vocabulary.ts';

/** More points than a screen has pixels; each is a line of the answer. */
export const MAX_POINTS = 2_000;
/** A series that nobody chose a step for has at most this many points. */
export const DEFAULT_POINTS = 300;
export const MAX_STEP_SECONDS = 86_400;

const Count = z.int().min(0);

const counts = {
  attempts: Count.meta({
    description: 'Reserve requests that reached the sale: reserved, replayed or refused.',
  }),
  replayed: Count.meta({ description: 'Attempts that got the answer of an earlier one with the same key.' }),
  reserved: Count.meta({ description: 'Reservations begun.' }),
  refused: z
    .record(z.string(), Count)
    .meta({ description: 'Attempts refused, by problem code; codes without any are left out.' }),
  confirmed: Count,
  expired: Count,
  released: Count,
  lost: Count.meta({
    description: 'Reservations that the ledger could not honour after a failure of the stock store.',
  }),
};

export const AnalyticsPoint = z.object({
  at: Instant.meta({ description: 'Where the step begins.' }),
  ...counts,
  units: z
    .object({
      available: z.int(),
      reserved: Count,
      sold: Count,
    })
    .meta({ description: 'Over all items of the sale, at the end of the step.' }),
});

export const Quantiles = z
  .object({ p50_ms: z.number(), p95_ms: z.number(), p99_ms: z.number() })
  .meta({ description: 'Upper bounds, from counts in buckets: at most a quarter above the true value.' });

export const Analytics = z
  .object({
    sale_id: SaleId,
    from: Instant.meta({ description: 'As asked, or where the sale opened; rounded down to a step.' }),
    to: Instant.meta({ description: 'As asked, or now; rounded up to a step.' }),
    step_seconds: z.int().min(1).max(MAX_STEP_SECONDS),
    as_of: Instant.meta({
      description:
        'All of the journal up to here is counted. Attempts and latencies follow within about two seconds, from each process.',
    }),
    series: z.array(AnalyticsPoint).max(MAX_POINTS).meta({ description: 'One point a step, none left out.' }),
    funnel: z
      .object({
        ...counts,
        live: Count.meta({ description: 'Reservations neither confirmed nor ended at `to`.' }),
      })
      .meta({ description: 'Sums over `from` … `to`.' }),
    sales: z.object({
      opened_at: Instant.nullable().meta({ description: 'Null while it has not opened.' }),
      sold_out_at: Instant.nullable().meta({
        description:
          'When for the first time every unit of every item that was there then had been sold. A later restock does not change it. Null if that never happened.',
      }),
      seconds_to_sell_out: z
        .number()
        .min(0)
        .nullable()
        .meta({ description: 'From opened_at to sold_out_at.' }),
    }),
    latency: z.object({ reserve: Quantiles.nullable(), confirm: Quantiles.nullable() }).meta({
      description: 'Of the decisions, without the network; over `from` … `to`. Null: there were none.',
    }),
  })
  .meta({
    examples: [
      {
        sale_id: 'flash-sale',
        from: '2026-11-27T09:00:00.000Z',
        to: '2026-11-27T09:00:10.000Z',
        step_seconds: 10,
        as_of: '2026-11-27T09:00:12.345Z',
        series: [
          {
            at: '2026-11-27T09:00:00.000Z',
            attempts: 1400,
            replayed: 12,
            reserved: 100,
            refused: { 'insufficient-stock': 1280, 'rate-limited': 8 },
            confirmed: 61,
            expired: 0,
            released: 4,
            lost: 0,
            units: { available: 4, reserved: 35, sold: 61 },
          },
        ],
        funnel: {
          attempts: 1400,
          replayed: 12,
          reserved: 100,
          refused: { 'insufficient-stock': 1280, 'rate-limited': 8 },
          confirmed: 61,
          expired: 0,
          released: 4,
          lost: 0,
          live: 35,
        },
        sales: { opened_at: '2026-11-27T09:00:00.000Z', sold_out_at: null, seconds_to_sell_out: null },
        latency: {
          reserve: { p50_ms: 4, p95_ms: 9, p99_ms: 14 },
          confirm: { p50_ms: 8, p95_ms: 16, p99_ms: 24 },
        },
      },
    ],
  });

export const AnalyticsQuery = z.strictObject({
  from: InstantInput.optional().meta({ description: 'Where the sale opened, if left out.' }),
  to: InstantInput.optional().meta({ description: 'Now, if left out.' }),
  step: z
    .int()
    .min(1)
    .max(MAX_STEP_SECONDS)
    .optional()
    .meta({
      description: `Seconds. Above 60 rounded up to whole minutes, above 3600 to whole hours: see \`step_seconds\`. If left out, so that there are at most ${DEFAULT_POINTS} points.`,
    }),
});

export const getAnalytics = operation({
  id: 'getAnalytics',
  tag: 'Operators',
  method: 'GET',
  path: '/api/v1/admin/sales/{sale_id}/analytics',
  summary: 'How the sale went',
  description:
    `Series and funnel. What happened to reservations and stock is counted from the journal, exactly; refusals and latencies are counted by each process, and what a process that is killed has not written yet is lost. At most ${MAX_POINTS} points: choose a longer step for a longer time. ` +
    'Steps below an hour reach back 90 days.',
  access: 'operator',
  pathId: { name: 'sale_id', schema: SaleId, unknown: 'unknown-sale' },
  query: AnalyticsQuery,
  limit: 'requests',
  success: { status: 200, description: 'Series, funnel and latencies.', schema: Analytics },
  problems: [],
});

export type AnalyticsPoint = z.infer<typeof AnalyticsPoint>;
export type Analytics = z.infer<typeof Analytics>;
export type AnalyticsQuery = z.infer<typeof AnalyticsQuery>;
export type Quantiles = z.infer<typeof Quantiles>;

// What the answering process knows of its own health, for people: stores, workers, invariants, sales.
import * as z from 'zod';
import { operation } from './operation.ts';
import { Invariant } from './reconcile.ts';
import { Instant, SaleId } from './vocabulary.ts';

/** Of a service with more open sales the first ones are shown. */
export const MAX_SALES_SHOWN = 200;

const Count = z.int().min(0);

export const StoreHealth = z.object({
  breaker: z.enum(['closed', 'open', 'half_open']).meta({
    description: '`closed`: it answers. `open`: it has been silent, and customers are refused at once.',
  }),
});

export const WorkerHealth = z.object({
  name: z.string(),
  state: z.enum(['ok', 'failing', 'idle']).meta({
    description: '`failing`: its last run failed. `idle`: it has not run yet.',
  }),
  last_run_at: Instant.nullable().meta({ description: 'When its last run ended, well or not.' }),
  last_error_at: Instant.nullable(),
});

export const SaleHealth = z.object({
  sale_id: SaleId,
  granting: z.boolean().meta({ description: 'This process holds a lease of it: reservations are granted.' }),
  ledger_lag: Count.nullable().meta({
    description: 'Transitions of the stock store that the journal has not got yet; null: not known just now.',
  }),
});

export const Status = z
  .object({
    as_of: Instant,
    version: z.string(),
    process: z.object({
      uptime_seconds: z.number().min(0),
      resident_bytes: Count,
      has_turn: z.boolean().meta({ description: 'It does the work that one process does for all.' }),
    }),
    ready: z.boolean().meta({ description: 'As /readyz says.' }),
    reasons: z.array(z.string()).meta({ description: 'Why it is not ready; empty if it is.' }),
    stores: z.object({ redis: StoreHealth, postgresql: StoreHealth }),
    workers: z.array(WorkerHealth),
    invariants: z
      .array(z.object({ invariant: Invariant, violations: Count }))
      .meta({ description: 'Found lately and not repaired, one entry an invariant: see docs/reconcile.md.' }),
    sales: z
      .array(SaleHealth)
      .max(MAX_SALES_SHOWN)
      .meta({ description: 'Those that the stock store keeps.' }),
  })
  .meta({
    examples: [
      {
        as_of: '2026-11-27T09:00:00.000Z',
        version: '0.1.0',
        process: { uptime_seconds: 86_400.5, resident_bytes: 157_286_400, has_turn: true },
        ready: true,
        reasons: [],
        stores: { redis: { breaker: 'closed' }, postgresql: { breaker: 'closed' } },
        workers: [
          {
            name: 'ledger-writer',
            state: 'ok',
            last_run_at: '2026-11-27T08:59:59.990Z',
            last_error_at: null,
          },
        ],
        invariants: [{ invariant: 'I1', violations: 0 }],
        sales: [{ sale_id: 'flash-sale', granting: true, ledger_lag: 0 }],
      },
    ],
  });

export const getStatus = operation({
  id: 'getStatus',
  tag: 'Operators',
  method: 'GET',
  path: '/api/v1/admin/status',
  summary: 'How the service is',
  description:
    'Of the process that answers; with several, ask again for another. Answers while the stores do not, as far as it can.',
  access: 'operator',
  limit: 'requests',
  success: { status: 200, description: 'Stores, workers, invariants and sales.', schema: Status },
  problems: [],
});

export type StoreHealth = z.infer<typeof StoreHealth>;
export type WorkerHealth = z.infer<typeof WorkerHealth>;
export type SaleHealth = z.infer<typeof SaleHealth>;
export type Status = z.infer<typeof Status>;

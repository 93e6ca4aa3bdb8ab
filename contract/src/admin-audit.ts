// The journal as operators read it: who did what, when, what was before and after, and why. JSON in pages, or one CSV file.
import * as z from 'zod';
import { operation } from './operation.ts';
import {
  CustomerId,
  Instant,
  InstantInput,
  PageQuery,
  pageOf,
  ReservationId,
  SaleId,
  Sku,
} from './vocabulary.ts';

/** Rows of one CSV file. A longer answer ends with a line that says so, and from where to go on. */
export const MAX_CSV_ROWS = 100_000;
/** The last row of a file that is not the whole answer has this as its kind. */
export const CSV_CUT = 'export-cut';

const Scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const Facts = z.record(z.string(), Scalar);

export const AuditEntry = z
  .object({
    entry_id: z.string().meta({ description: 'Names the row of the journal.', examples: ['7-store-1-153'] }),
    sale_id: SaleId.nullable().meta({ description: 'Null: of no one sale.' }),
    source: z.enum(['store', 'ledger']).meta({ description: 'Whose numbering `seq` belongs to.' }),
    seq: z.int().min(1),
    kind: z.string().meta({ description: 'What happened: see docs/audit.md.', examples: ['reserved'] }),
    at: Instant,
    reservation_id: ReservationId.optional(),
    customer_id: CustomerId.optional().meta({
      description: 'Where the ledger knows it: of customers who ever bought, and were not forgotten.',
    }),
    customer_key: z
      .string()
      .optional()
      .meta({ description: 'The pseudonym under which the journal keeps them.' }),
    items: z
      .array(z.object({ sku: Sku, quantity: z.int() }))
      .optional()
      .meta({ description: "A reservation's lines, or the units that came in (below zero: went out)." }),
    before: Facts.optional().meta({ description: 'What an operator changed, as it was.' }),
    after: Facts.optional().meta({ description: 'What an operator changed, as it became.' }),
    reason: z.string().optional(),
    reference: z.string().optional(),
    operator: z.string().optional().meta({ description: "The subject of the operator's token." }),
    detail: Facts.optional().meta({ description: 'What else is on record.' }),
  })
  .meta({
    examples: [
      {
        entry_id: '7-ledger-0-12',
        sale_id: 'flash-sale',
        source: 'ledger',
        seq: 12,
        kind: 'stock-changed',
        at: '2026-11-27T09:10:00.000Z',
        items: [{ sku: 'FLASH-SALE-001', quantity: 50 }],
        before: { total: 100 },
        after: { total: 150 },
        reason: 'second delivery',
        reference: 'PO-1042',
        operator: 'operator',
      },
    ],
  });

export const AuditPage = pageOf(AuditEntry);

export const AuditQuery = PageQuery.extend({
  sale: SaleId.optional().meta({ description: 'Of this sale.' }),
  sku: Sku.optional().meta({ description: 'Entries with this SKU among their items.' }),
  customer: CustomerId.optional().meta({ description: "The customer's `sub`." }),
  reservation: ReservationId.optional().meta({ description: 'The history of one reservation.' }),
  from: InstantInput.optional().meta({ description: 'From this instant on.' }),
  to: InstantInput.optional().meta({ description: 'Before this instant; later than `from`.' }),
  format: z.enum(['json', 'csv']).optional().meta({ description: 'Counts before `Accept`.' }),
}).refine(({ from, to }) => !from || !to || Date.parse(from) < Date.parse(to), {
  path: ['from'],
  message: 'must be before `to`',
});

export const readAudit = operation({
  id: 'readAudit',
  tag: 'Operators',
  method: 'GET',
  path: '/api/v1/admin/audit',
  summary: 'Read the journal, newest first',
  description:
    `With \`Accept: text/csv\` or \`format=csv\` the answer is a file of at most ${MAX_CSV_ROWS.toLocaleString('en')} rows (\`limit\` does not ` +
    `count); a longer one ends with a row of kind \`${CSV_CUT}\`, whose detail has the \`cursor\` to go on from. With \`sku\` a page may be ` +
    'shorter than `limit`, or empty, and still have a next one: a page looks at a bounded number of entries.',
  access: 'operator',
  query: AuditQuery,
  limit: 'requests',
  success: { status: 200, description: 'A page of entries.', schema: AuditPage, fileType: 'text/csv' },
  problems: ['unknown-sale'],
});

export type AuditEntry = z.infer<typeof AuditEntry>;
export type AuditQuery = z.infer<typeof AuditQuery>;

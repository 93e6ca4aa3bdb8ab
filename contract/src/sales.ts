// Sales: what operators open, fill and close, and what everyone may read of them.
import * as z from 'zod';
import { operation } from './operation.ts';
import {
  Instant,
  InstantInput,
  MAX_COOLDOWN_EXPIRATIONS,
  MAX_COOLDOWN_MINUTES,
  MAX_ITEMS_PER_REQUEST,
  MaxPerCustomer,
  Money,
  Name,
  notMinusZero,
  PageQuery,
  pageOf,
  SaleId,
  Sku,
  Stock,
  TtlSeconds,
} from './vocabulary.ts';

const MaxExtensions = z
  .int()
  .min(0)
  .max(100)
  .refine(notMinusZero, 'must not be -0')
  .meta({ description: 'How often a customer may extend a reservation.' });

const Cooldown = z
  .strictObject({
    expirations: z
      .int()
      .min(1)
      .max(MAX_COOLDOWN_EXPIRATIONS)
      .meta({ description: 'Expired reservations of one customer.' }),
    minutes: z.int().min(1).max(MAX_COOLDOWN_MINUTES).meta({ description: 'Within which they count.' }),
  })
  .meta({
    description:
      'A customer who lets `expirations` reservations of the sale expire within `minutes` is refused more of it, 429 ' +
      '`cooling-down`, until fewer lie within them. What was released or confirmed does not count.',
    examples: [{ expirations: 3, minutes: 10 }],
  });

export const SaleStatus = z.enum(['not_open', 'open', 'closed']);

export const SaleItem = z.object({
  sku: Sku,
  name: Name,
  price: Money.optional(),
  total: Stock,
  max_per_customer: MaxPerCustomer.nullable().meta({ description: 'Null: no cap.' }),
});

const SALE_EXAMPLE = {
  id: 'flash-sale',
  name: 'Flash sale',
  status: 'open',
  opens_at: '2026-11-27T09:00:00.000Z',
  closes_at: null,
  reservation_ttl_seconds: 300,
  max_extensions: 1,
  max_lifetime_seconds: 900,
  cooldown: { expirations: 3, minutes: 10 },
  created_at: '2026-11-20T14:30:00.000Z',
  items: [
    {
      sku: 'FLASH-SALE-001',
      name: 'Midnight sneaker',
      price: { amount_minor: 2999, currency: 'USD' },
      total: 100,
      max_per_customer: 2,
    },
  ],
};

export const Sale = z
  .object({
    id: SaleId,
    name: Name,
    status: SaleStatus,
    opens_at: Instant.nullable().meta({ description: 'Null: open from the start.' }),
    closes_at: Instant.nullable().meta({ description: 'Null: open until it is closed.' }),
    reservation_ttl_seconds: TtlSeconds,
    max_extensions: MaxExtensions,
    max_lifetime_seconds: TtlSeconds.meta({
      description: 'The longest a reservation may live, extensions included.',
    }),
    cooldown: Cooldown.nullable().meta({ description: 'Null: nobody is cooled down.' }),
    created_at: Instant,
    items: z.array(SaleItem).meta({ description: 'Stock in motion is at /api/v1/inventory?sale=….' }),
  })
  .meta({ examples: [SALE_EXAMPLE] });

export const SalePage = pageOf(Sale);

export const NewItem = z.strictObject({
  sku: Sku,
  name: Name.optional().meta({ description: 'The SKU, if left out.' }),
  stock: Stock,
  price: Money.optional(),
  max_per_customer: MaxPerCustomer.optional().meta({ description: 'Without it there is no cap.' }),
});

/** Each SKU once: two stocks for one SKU could not both be meant. */
const NewItems = z
  .array(NewItem)
  .min(1)
  .max(MAX_ITEMS_PER_REQUEST)
  .superRefine((items, context) => {
    const seen = new Set<string>();
    for (const [index, { sku }] of items.entries()) {
      if (seen.has(sku))
        context.addIssue({ code: 'custom', path: [index, 'sku'], message: 'must not be there twice' });
      seen.add(sku);
    }
  });

export const CreateSaleBody = z
  .strictObject({
    id: SaleId,
    name: Name,
    opens_at: InstantInput.optional(),
    closes_at: InstantInput.optional(),
    reservation_ttl_seconds: TtlSeconds.optional(),
    max_extensions: MaxExtensions.optional().meta({ description: '1, if left out.' }),
    max_lifetime_seconds: TtlSeconds.optional().meta({
      description: '900, or the time of a reservation if that is longer, if left out.',
    }),
    cooldown: Cooldown.optional(),
    items: NewItems,
  })
  .refine(
    ({ opens_at, closes_at }) => !opens_at || !closes_at || Date.parse(opens_at) < Date.parse(closes_at),
    {
      path: ['closes_at'],
      message: 'must be after opens_at',
    },
  )
  .refine(
    ({ reservation_ttl_seconds: ttl, max_lifetime_seconds: longest }) => !ttl || !longest || ttl <= longest,
    {
      path: ['max_lifetime_seconds'],
      message: 'must not be less than reservation_ttl_seconds',
    },
  )
  .meta({
    examples: [
      {
        id: 'spring-drop',
        name: 'Spring drop',
        items: [{ sku: 'SPRING-1', name: 'Midnight sneaker', stock: 100, max_per_customer: 2 }],
      },
    ],
  });

export const AddItemsBody = z.strictObject({ items: NewItems }).meta({
  examples: [{ items: [{ sku: 'FLASH-SALE-005', name: 'Dawn sneaker', stock: 50, max_per_customer: 2 }] }],
});

/** Null takes a time away: open from the start, or until it is closed. */
const ChangedInstant = InstantInput.nullable().optional();

export const ChangeSaleBody = z
  .strictObject({
    name: Name.optional(),
    opens_at: ChangedInstant.meta({ description: 'Null: open from the start.' }),
    closes_at: ChangedInstant.meta({ description: 'Null: open until it is closed.' }),
    reservation_ttl_seconds: TtlSeconds.optional().meta({
      description: 'Of reservations made from here on.',
    }),
    max_extensions: MaxExtensions.optional(),
    max_lifetime_seconds: TtlSeconds.optional(),
    cooldown: Cooldown.nullable().optional().meta({ description: 'Null: nobody is cooled down any more.' }),
  })
  .refine((body) => Object.keys(body).length > 0, 'must change at least one thing')
  .meta({
    minProperties: 1,
    examples: [{ closes_at: '2026-11-27T18:00:00.000Z', reservation_ttl_seconds: 120 }],
  });

const saleId = { name: 'sale_id', schema: SaleId, unknown: 'unknown-sale' } as const;

export const listSales = operation({
  id: 'listSales',
  tag: 'Sales',
  method: 'GET',
  path: '/api/v1/sales',
  summary: 'Sales, newest first',
  access: 'public',
  query: PageQuery,
  limit: 'requests',
  success: { status: 200, description: 'A page of sales.', schema: SalePage },
  problems: [],
});

export const getSale = operation({
  id: 'getSale',
  tag: 'Sales',
  method: 'GET',
  path: '/api/v1/sales/{sale_id}',
  summary: 'One sale',
  access: 'public',
  pathId: saleId,
  limit: 'requests',
  success: { status: 200, description: 'The sale.', schema: Sale },
  problems: [],
});

export const createSale = operation({
  id: 'createSale',
  tag: 'Operators',
  method: 'POST',
  path: '/api/v1/admin/sales',
  summary: 'Create a sale',
  description:
    'A SKU can be in one open sale at a time. Once this answers, every process takes reservations for it.',
  access: 'operator',
  body: { schema: CreateSaleBody },
  limit: 'requests',
  success: { status: 201, description: 'The sale.', schema: Sale },
  problems: ['sale-exists', 'sku-in-use'],
});

export const changeSale = operation({
  id: 'changeSale',
  tag: 'Operators',
  method: 'PATCH',
  path: '/api/v1/admin/sales/{sale_id}',
  summary: 'Change a sale',
  description:
    'What is left out stays as it is. Once this answers, the store opens and closes by the new times; every process grants the ' +
    'new time and extensions within a second. Live reservations keep their deadlines.',
  access: 'operator',
  pathId: saleId,
  body: { schema: ChangeSaleBody },
  limit: 'requests',
  success: { status: 200, description: 'The sale as it is now.', schema: Sale },
  problems: ['sale-closed'],
});

export const addItems = operation({
  id: 'addItems',
  tag: 'Operators',
  method: 'POST',
  path: '/api/v1/admin/sales/{sale_id}/items',
  summary: 'Add items to a sale',
  access: 'operator',
  pathId: saleId,
  body: { schema: AddItemsBody },
  limit: 'requests',
  success: { status: 201, description: 'The sale with its new items.', schema: Sale },
  problems: ['sku-in-use', 'sale-closed'],
});

export const closeSale = operation({
  id: 'closeSale',
  tag: 'Operators',
  method: 'POST',
  path: '/api/v1/admin/sales/{sale_id}/close',
  summary: 'Close a sale',
  description:
    'No new reservations from here on; live ones can still be confirmed. Closing again answers the same.',
  access: 'operator',
  pathId: saleId,
  limit: 'requests',
  success: {
    status: 200,
    description: 'The sale, closed.',
    schema: Sale,
    example: { ...SALE_EXAMPLE, status: 'closed' },
  },
  problems: [],
});

export type SaleStatus = z.infer<typeof SaleStatus>;
export type SaleItem = z.infer<typeof SaleItem>;
export type Sale = z.infer<typeof Sale>;
export type NewItem = z.infer<typeof NewItem>;
export type CreateSaleBody = z.infer<typeof CreateSaleBody>;
export type ChangeSaleBody = z.infer<typeof ChangeSaleBody>;
export type AddItemsBody = z.infer<typeof AddItemsBody>;

// The demo sale: made at the first start under `npm start`, when there is no sale yet.
import { type NewSale, usualExtensions } from '../domain/ledger-facts.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { SaleVerbs } from './sales.ts';

const OPERATOR = 'holdfast:demo';

export function demoSale(reservationTtlSeconds: number): NewSale {
  const item = (sku: string, name: string, stock: number, amountMinor: number, maxPerCustomer: number) => ({
    sku,
    name,
    stock,
    price: { amountMinor, currency: 'USD' },
    maxPerCustomer,
  });
  return {
    id: 'flash-sale',
    name: 'Flash sale',
    opensAtMs: null,
    closesAtMs: null,
    reservationTtlSeconds,
    extensions: usualExtensions(reservationTtlSeconds),
    items: [
      item('FLASH-SALE-001', 'Founders’ jacket', 100, 12_900, 2),
      item('FLASH-SALE-002', 'Harbour lamp', 40, 8_900, 2),
      item('FLASH-SALE-003', 'Signed print, one of ten', 10, 24_000, 1),
      item('FLASH-SALE-004', 'Enamel mug', 500, 1_800, 4),
    ],
  };
}

/** Makes the demo sale unless there is any sale. Two processes at once make one: the second finds it there. */
export async function seedDemo(
  ledger: Pick<LedgerContract, 'anySaleExists'>,
  sales: Pick<SaleVerbs, 'create'>,
  reservationTtlSeconds: number,
): Promise<'made' | 'not needed'> {
  if (await ledger.anySaleExists()) return 'not needed';
  const answer = await sales.create(demoSale(reservationTtlSeconds), OPERATOR);
  if (answer.ok) return 'made';
  if (answer.refusal.code === 'sale-exists' || answer.refusal.code === 'sku-in-use') return 'not needed';
  throw new Error(`the demo sale could not be made: ${answer.refusal.detail}`);
}

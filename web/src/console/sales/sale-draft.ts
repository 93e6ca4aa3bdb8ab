// A sale as it is being typed, and the body it becomes. Only what cannot be sent at all is found here (a word where a
// number belongs); every rule of the contract is the service's, and comes back with a JSON Pointer to its field.
import type { CreateSaleBody, NewItem } from '@holdfast/contract/sales';
import { instantOfInput } from '../filters.ts';

export interface ItemDraft {
  /** Tells the rows apart while they are typed; never sent. */
  readonly key: number;
  readonly sku: string;
  readonly name: string;
  readonly stock: string;
  readonly price: string;
  readonly currency: string;
  readonly maxPerCustomer: string;
}

export interface SaleDraft {
  readonly id: string;
  readonly name: string;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly ttlSeconds: string;
  readonly maxExtensions: string;
  readonly maxLifetimeSeconds: string;
  readonly cooldownExpirations: string;
  readonly cooldownMinutes: string;
  readonly items: readonly ItemDraft[];
}

/** Messages by JSON Pointer, as the problem document has them. */
export type FieldProblems = ReadonlyMap<string, string>;

export type Drafted<Body> =
  | { readonly body: Body; readonly problems?: never }
  | { readonly body?: never; readonly problems: FieldProblems };

export const emptyItem = (key: number): ItemDraft => ({
  key,
  sku: '',
  name: '',
  stock: '',
  price: '',
  currency: 'USD',
  maxPerCustomer: '',
});

export const EMPTY_SALE: SaleDraft = {
  id: '',
  name: '',
  opensAt: '',
  closesAt: '',
  ttlSeconds: '',
  maxExtensions: '',
  maxLifetimeSeconds: '',
  cooldownExpirations: '',
  cooldownMinutes: '',
  items: [emptyItem(0)],
};

export function saleBody(draft: SaleDraft): Drafted<CreateSaleBody> {
  const problems = new Map<string, string>();
  const whole = (pointer: string, text: string) => readWhole(problems, pointer, text);
  const body: CreateSaleBody = {
    id: draft.id.trim(),
    name: draft.name.trim(),
    ...given('opens_at', readInstant(problems, '/opens_at', draft.opensAt)),
    ...given('closes_at', readInstant(problems, '/closes_at', draft.closesAt)),
    ...given('reservation_ttl_seconds', whole('/reservation_ttl_seconds', draft.ttlSeconds)),
    ...given('max_extensions', whole('/max_extensions', draft.maxExtensions)),
    ...given('max_lifetime_seconds', whole('/max_lifetime_seconds', draft.maxLifetimeSeconds)),
    ...given('cooldown', readCooldown(problems, draft)),
    items: draft.items.map((item, index) => itemBody(item, `/items/${index}`, problems)),
  };
  return problems.size > 0 ? { problems } : { body };
}

export function itemsBody(items: readonly ItemDraft[]): Drafted<NewItem[]> {
  const problems = new Map<string, string>();
  const body = items.map((item, index) => itemBody(item, `/items/${index}`, problems));
  return problems.size > 0 ? { problems } : { body };
}

function itemBody(item: ItemDraft, pointer: string, problems: Map<string, string>): NewItem {
  const stock = readWhole(problems, `${pointer}/stock`, item.stock);
  if (stock === undefined && !problems.has(`${pointer}/stock`)) {
    problems.set(`${pointer}/stock`, 'is needed: how many units there are');
  }
  const cap = readWhole(problems, `${pointer}/max_per_customer`, item.maxPerCustomer);
  const name = item.name.trim();
  const amount = readAmount(problems, `${pointer}/price`, item.price, item.currency.trim());
  return {
    sku: item.sku.trim(),
    ...given('name', name === '' ? undefined : name),
    stock: stock ?? 0,
    ...given('price', amount),
    ...given('max_per_customer', cap),
  };
}

/** Empty is left out, so that the service's own default holds. */
export function readWhole(problems: Map<string, string>, pointer: string, text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const value = Number(trimmed);
  if (/^[+-]?\d+$/.test(trimmed) && Number.isSafeInteger(value)) return value;
  problems.set(pointer, 'must be a whole number');
  return undefined;
}

/** Both or neither: one without the other says nothing. */
export function readCooldown(
  problems: Map<string, string>,
  draft: Pick<SaleDraft, 'cooldownExpirations' | 'cooldownMinutes'>,
): { expirations: number; minutes: number } | undefined {
  const read = (name: 'expirations' | 'minutes', text: string) =>
    readWhole(problems, `/cooldown/${name}`, text);
  const expirations = read('expirations', draft.cooldownExpirations);
  const minutes = read('minutes', draft.cooldownMinutes);
  if (expirations !== undefined && minutes !== undefined) return { expirations, minutes };
  const empty = expirations === undefined ? '/cooldown/expirations' : '/cooldown/minutes';
  if (expirations !== minutes && !problems.has(empty)) problems.set(empty, 'is needed with the other');
  return undefined;
}

export function readInstant(
  problems: Map<string, string>,
  pointer: string,
  text: string,
): string | undefined {
  const instant = instantOfInput(text);
  if (instant === undefined && text.trim() !== '') problems.set(pointer, 'must be a date and a time');
  return instant;
}

/** `29.99` as people write prices, in the currency's minor unit; no floating point touches it. */
function readAmount(problems: Map<string, string>, pointer: string, text: string, currency: string) {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const digits = minorDigits(currency);
  const parts = /^(\d{1,12})(?:[.,](\d+))?$/.exec(trimmed);
  const fraction = parts?.[2] ?? '';
  if (parts === null || fraction.length > digits) {
    const places = digits === 0 ? 'no decimal places' : `at most ${digits} decimal places`;
    problems.set(
      `${pointer}/amount_minor`,
      `must be an amount such as ${digits === 0 ? '30' : '29.99'}, ${places}`,
    );
    return undefined;
  }
  return { amount_minor: Number(`${parts[1]}${fraction.padEnd(digits, '0')}`), currency };
}

/** 2 for USD, 0 for JPY. What is no currency is sent as it is, for the service to refuse at its field. */
export function minorDigits(currency: string): number {
  try {
    return (
      new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ??
      2
    );
  } catch {
    return 2;
  }
}

function given<Name extends string, Value>(name: Name, value: Value | undefined): { [key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]?: Value });
}

// Items as they are typed, for a new sale and for one that gets more.
import { useId } from 'react';
import { Button } from '../../shared/button.tsx';
import { TextField } from '../../shared/field.tsx';
import { emptyItem, type FieldProblems, type ItemDraft } from './sale-draft.ts';

/** More are imported or sent by a script; a form of this length is no form. */
const MAX_ROWS = 50;

export interface ItemRowsProps {
  readonly items: readonly ItemDraft[];
  readonly problems: FieldProblems;
  readonly onChange: (items: readonly ItemDraft[]) => void;
}

/** The pointers of all fields of so many rows: where a message can be shown. */
export function itemPointers(rows: number): string[] {
  const fields = [
    'sku',
    'name',
    'stock',
    'price',
    'price/amount_minor',
    'price/currency',
    'max_per_customer',
  ];
  return Array.from({ length: rows }, (_, row) => fields.map((field) => `/items/${row}/${field}`)).flat();
}

export function ItemRows({ items, problems, onChange }: ItemRowsProps) {
  const change = (index: number, changed: Partial<ItemDraft>) =>
    onChange(items.map((item, at) => (at === index ? { ...item, ...changed } : item)));
  const nextKey = Math.max(0, ...items.map(({ key }) => key)) + 1;
  return (
    <div className="stack">
      {items.map((item, index) => (
        <ItemRow
          key={item.key}
          item={item}
          number={index + 1}
          problem={(field) => problems.get(`/items/${index}/${field}`)}
          onChange={(changed) => change(index, changed)}
          onRemove={items.length > 1 ? () => onChange(items.filter((_, at) => at !== index)) : undefined}
        />
      ))}
      <Button
        onClick={() => onChange([...items, emptyItem(nextKey)])}
        whyNot={items.length >= MAX_ROWS ? `at most ${MAX_ROWS} at once` : undefined}
      >
        Another item
      </Button>
    </div>
  );
}

interface ItemRowProps {
  readonly item: ItemDraft;
  readonly number: number;
  readonly problem: (field: string) => string | undefined;
  readonly onChange: (changed: Partial<ItemDraft>) => void;
  readonly onRemove: (() => void) | undefined;
}

function ItemRow({ item, number, problem, onChange, onRemove }: ItemRowProps) {
  const title = useId();
  return (
    <fieldset className="item-row" aria-labelledby={title}>
      <div className="item-row-head">
        <h3 id={title}>Item {number}</h3>
        {onRemove && (
          <Button look="plain" onClick={onRemove} aria-label={`Remove item ${number}`}>
            Remove
          </Button>
        )}
      </div>
      <div className="fields">
        <TextField
          label="SKU"
          required
          value={item.sku}
          error={problem('sku')}
          onChange={(event) => onChange({ sku: event.target.value })}
        />
        <TextField
          label="Name"
          hint="The SKU, if left empty"
          value={item.name}
          error={problem('name')}
          onChange={(event) => onChange({ name: event.target.value })}
        />
        <TextField
          label="Units"
          inputMode="numeric"
          required
          value={item.stock}
          error={problem('stock')}
          onChange={(event) => onChange({ stock: event.target.value })}
        />
        <TextField
          label="Most a customer"
          hint="Empty: no cap"
          inputMode="numeric"
          value={item.maxPerCustomer}
          error={problem('max_per_customer')}
          onChange={(event) => onChange({ maxPerCustomer: event.target.value })}
        />
        <TextField
          label="Price"
          hint="Such as 29.99"
          inputMode="decimal"
          value={item.price}
          error={problem('price/amount_minor') ?? problem('price')}
          onChange={(event) => onChange({ price: event.target.value })}
        />
        <TextField
          label="Currency"
          maxLength={3}
          value={item.currency}
          error={problem('price/currency')}
          onChange={(event) => onChange({ currency: event.target.value.toUpperCase() })}
        />
      </div>
    </fieldset>
  );
}

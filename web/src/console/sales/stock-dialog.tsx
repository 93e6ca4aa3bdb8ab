// Restock and write off, with a reason for the journal. The total that was looked at is sent along: if it has changed
// meanwhile nothing happens, and the operator looks again. A second try of the same change has the same key, so a lost
// answer does not bring the units in twice.
import { HoldfastError } from '@holdfast/client';
import type { Item } from '@holdfast/contract/inventory';
import type { ChangeStockBody } from '@holdfast/contract/stock';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { Dialog } from '../../shared/dialog.tsx';
import { TextField } from '../../shared/field.tsx';
import { Notice } from '../../shared/notice.tsx';
import { Asked, useAsk } from '../asking.tsx';
import { FormProblems, problemsAtFields } from '../form-problems.tsx';
import { countOf, countText } from '../numbers.ts';
import { useOperator } from '../operator-store.ts';
import type { FieldProblems } from './sale-draft.ts';
import { EMPTY_STOCK, type StockDraft, stockBody } from './stock-draft.ts';

const POINTERS = ['/delta', '/reason', '/reference'];

export interface StockDialogProps {
  readonly sku: string;
  readonly onClose: () => void;
}

export function StockDialog({ sku, onClose }: StockDialogProps) {
  // Read for this dialog alone: the list behind it moves on, what the operator decides on must not.
  const [opening] = useState(() => crypto.randomUUID());
  const item = useAsk(['item', sku, opening], (client, signal) => client.item(sku, { signal }), {
    still: true,
  });
  return (
    <Dialog title={`Stock of ${item.data?.name ?? sku}`} onClose={onClose}>
      <Asked of={item} what="the item" lines={4}>
        {(known) => <StockForm item={known} onLookAgain={() => void item.refetch()} onDone={onClose} />}
      </Asked>
    </Dialog>
  );
}

interface StockFormProps {
  readonly item: Item;
  readonly onLookAgain: () => void;
  readonly onDone: () => void;
}

function StockForm({ item, onLookAgain, onDone }: StockFormProps) {
  const [draft, setDraft] = useState<StockDraft>(EMPTY_STOCK);
  const [local, setLocal] = useState<FieldProblems>();
  const change = useStockChange(item.sku, onDone);
  const stale = change.error instanceof HoldfastError && change.error.code === 'stale-total';
  const fields = problemsAtFields(local, change.error, POINTERS);
  const edit = (changed: Partial<StockDraft>) => setDraft({ ...draft, ...changed });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { body, problems } = stockBody(draft, item.total);
    setLocal(problems);
    if (body !== undefined && !change.isPending) change.mutate(body);
  };
  return (
    <form className="stack" onSubmit={submit} noValidate>
      <p className="number">
        {countText(item.total)} in all: {countText(item.available)} available, {countText(item.reserved)}{' '}
        reserved, {countText(item.sold)} sold.
      </p>
      <Direction direction={draft.direction} onChange={(direction) => edit({ direction })} />
      <TextField
        label="Units"
        inputMode="numeric"
        required
        value={draft.units}
        error={fields.get('/delta')}
        hint={
          draft.direction === 'out'
            ? `At most ${countOf(item.available, 'unit')}: what is neither reserved nor sold`
            : undefined
        }
        onChange={(event) => edit({ units: event.target.value })}
      />
      <TextField
        label="Reason"
        required
        hint="Stays in the journal, with your name"
        value={draft.reason}
        error={fields.get('/reason')}
        onChange={(event) => edit({ reason: event.target.value })}
      />
      <TextField
        label="Reference"
        hint="A delivery, a count, a ticket"
        value={draft.reference}
        error={fields.get('/reference')}
        onChange={(event) => edit({ reference: event.target.value })}
      />
      {stale ? (
        <StaleTotal
          seen={item.total}
          onLookAgain={() => {
            change.reset();
            onLookAgain();
          }}
        />
      ) : (
        <FormProblems fields={fields} error={change.error} pointers={POINTERS} />
      )}
      <div className="dialog-actions">
        <Button
          look="primary"
          type="submit"
          busy={change.isPending}
          whyNot={stale ? 'look at the total again first' : undefined}
        >
          {draft.direction === 'in' ? 'Bring in' : 'Write off'}
        </Button>
      </div>
    </form>
  );
}

/** One key a change: the same body again is the same change, another body another one. */
function useStockChange(sku: string, onDone: () => void) {
  const { client } = useOperator();
  const queries = useQueryClient();
  const sent = useRef<{ readonly body: string; readonly key: string }>(undefined);
  return useMutation({
    mutationFn: (body: ChangeStockBody) => {
      const text = JSON.stringify(body);
      if (sent.current?.body !== text) sent.current = { body: text, key: crypto.randomUUID() };
      return client.changeStock(sku, body, { idempotencyKey: sent.current.key });
    },
    onSuccess: async () => {
      await queries.invalidateQueries();
      onDone();
    },
  });
}

function StaleTotal({ seen, onLookAgain }: { readonly seen: number; readonly onLookAgain: () => void }) {
  return (
    <Notice tone="warn" title="The total has changed while this was open">
      <p>
        You looked at {countOf(seen, 'unit')}; somebody has changed that since. Nothing was done. Look at the
        new total, and decide anew.
      </p>
      <Button onClick={onLookAgain}>Look again</Button>
    </Notice>
  );
}

interface DirectionProps {
  readonly direction: StockDraft['direction'];
  readonly onChange: (direction: StockDraft['direction']) => void;
}

function Direction({ direction, onChange }: DirectionProps) {
  const choices = [
    ['in', 'Bring units in'],
    ['out', 'Write units off'],
  ] as const;
  return (
    <fieldset className="choice">
      <legend className="visually-hidden">Direction</legend>
      {choices.map(([value, label]) => (
        <label key={value}>
          <input
            type="radio"
            name="direction"
            checked={direction === value}
            onChange={() => onChange(value)}
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

// More items for a sale that is there.
import type { Sale } from '@holdfast/contract/sales';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { Dialog } from '../../shared/dialog.tsx';
import { FormProblems, problemsAtFields } from '../form-problems.tsx';
import { useOperator } from '../operator-store.ts';
import { ItemRows, itemPointers } from './item-rows.tsx';
import { emptyItem, type FieldProblems, type ItemDraft, itemsBody } from './sale-draft.ts';

export function AddItemsDialog({ sale, onClose }: { readonly sale: Sale; readonly onClose: () => void }) {
  const { client } = useOperator();
  const queries = useQueryClient();
  const [items, setItems] = useState<readonly ItemDraft[]>([emptyItem(0)]);
  const [local, setLocal] = useState<FieldProblems>();
  const add = useMutation({
    mutationFn: (body: Parameters<typeof client.addItems>[1]) => client.addItems(sale.id, body),
    onSuccess: async () => {
      await queries.invalidateQueries();
      onClose();
    },
  });
  const pointers = itemPointers(items.length);
  const fields = problemsAtFields(local, add.error, pointers);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { body, problems } = itemsBody(items);
    setLocal(problems);
    if (body !== undefined && !add.isPending) add.mutate(body);
  };
  return (
    <Dialog title={`Add items to ${sale.name}`} onClose={onClose} held={add.isPending}>
      <form className="stack" onSubmit={submit} noValidate>
        <ItemRows items={items} problems={fields} onChange={setItems} />
        <FormProblems fields={fields} error={add.error} pointers={pointers} />
        <div className="dialog-actions">
          <Button look="primary" type="submit" busy={add.isPending}>
            Add
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

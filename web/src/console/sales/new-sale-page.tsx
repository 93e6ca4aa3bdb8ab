// A new sale. Every rule is the service's: its messages come back to the fields they are about.
import type { CreateSaleBody } from '@holdfast/contract/sales';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { FormProblems, problemsAtFields } from '../form-problems.tsx';
import { useOperator } from '../operator-store.ts';
import { pathOf } from '../places.ts';
import { navigate } from '../router.tsx';
import { ItemRows, itemPointers } from './item-rows.tsx';
import { EMPTY_SALE, type FieldProblems, type SaleDraft, saleBody } from './sale-draft.ts';
import { SaleFields } from './sale-fields.tsx';

const POINTERS = [
  '/id',
  '/name',
  '/opens_at',
  '/closes_at',
  '/reservation_ttl_seconds',
  '/max_extensions',
  '/max_lifetime_seconds',
  '/cooldown/expirations',
  '/cooldown/minutes',
];

export function NewSalePage() {
  const { client } = useOperator();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<SaleDraft>(EMPTY_SALE);
  const [local, setLocal] = useState<FieldProblems>();
  const create = useMutation({
    mutationFn: (body: CreateSaleBody) => client.createSale(body),
    onSuccess: async (sale) => {
      await queries.invalidateQueries({ queryKey: ['sales'] });
      navigate(pathOf({ page: 'live', saleId: sale.id }));
    },
  });
  const pointers = [...POINTERS, ...itemPointers(draft.items.length)];
  const fields = problemsAtFields(local, create.error, pointers);
  const change = (changed: Partial<SaleDraft>) => setDraft({ ...draft, ...changed });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { body, problems } = saleBody(draft);
    setLocal(problems);
    if (body !== undefined && !create.isPending) create.mutate(body);
  };
  return (
    <>
      <h1>New sale</h1>
      <form className="stack form" onSubmit={submit} noValidate>
        <SaleFields draft={draft} problems={fields} onChange={change} withId />
        <h2>Items</h2>
        <ItemRows items={draft.items} problems={fields} onChange={(items) => change({ items })} />
        <FormProblems fields={fields} error={create.error} pointers={pointers} />
        <div>
          <Button look="primary" type="submit" busy={create.isPending}>
            Create the sale
          </Button>
        </div>
      </form>
    </>
  );
}

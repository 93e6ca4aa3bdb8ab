// Changes of a sale that is there. What was not touched is not sent.
import type { ChangeSaleBody, Sale } from '@holdfast/contract/sales';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { Dialog } from '../../shared/dialog.tsx';
import { FormProblems, problemsAtFields } from '../form-problems.tsx';
import { useOperator } from '../operator-store.ts';
import { changeBody, draftOf } from './change-draft.ts';
import type { FieldProblems } from './sale-draft.ts';
import { SaleFields } from './sale-fields.tsx';

const POINTERS = [
  '/name',
  '/opens_at',
  '/closes_at',
  '/reservation_ttl_seconds',
  '/max_extensions',
  '/max_lifetime_seconds',
  '/cooldown/expirations',
  '/cooldown/minutes',
];

export function ChangeSaleDialog({ sale, onClose }: { readonly sale: Sale; readonly onClose: () => void }) {
  const { client } = useOperator();
  const queries = useQueryClient();
  // As it was opened: the sale behind the dialog is read again meanwhile.
  const [from] = useState(() => draftOf(sale));
  const [draft, setDraft] = useState(from);
  const [local, setLocal] = useState<FieldProblems>();
  const change = useMutation({
    mutationFn: (body: ChangeSaleBody) => client.changeSale(sale.id, body),
    onSuccess: async () => {
      await queries.invalidateQueries();
      onClose();
    },
  });
  const fields = problemsAtFields(local, change.error, POINTERS);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { body, problems } = changeBody(from, draft);
    setLocal(problems);
    if (body === undefined || change.isPending) return;
    if (Object.keys(body).length === 0) onClose();
    else change.mutate(body);
  };
  return (
    <Dialog title={`Change ${sale.name}`} onClose={onClose} held={change.isPending}>
      <form className="stack" onSubmit={submit} noValidate>
        <SaleFields
          draft={draft}
          problems={fields}
          onChange={(changed) => setDraft({ ...draft, ...changed })}
        />
        <FormProblems fields={fields} error={change.error} pointers={POINTERS} />
        <div className="dialog-actions">
          <Button look="primary" type="submit" busy={change.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

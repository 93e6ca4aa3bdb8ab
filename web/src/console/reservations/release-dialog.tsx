// Gives a customer's units back, with a reason for the journal.
import type { OperatorReservation } from '@holdfast/contract/admin-reservations';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { Dialog } from '../../shared/dialog.tsx';
import { TextField } from '../../shared/field.tsx';
import { FormProblems, problemsAtFields } from '../form-problems.tsx';
import { useOperator } from '../operator-store.ts';
import type { FieldProblems } from '../sales/sale-draft.ts';
import { linesText } from './lines-text.ts';

const POINTERS = ['/reason'];

export interface ReleaseDialogProps {
  readonly reservation: OperatorReservation;
  readonly onClose: () => void;
}

export function ReleaseDialog({ reservation, onClose }: ReleaseDialogProps) {
  const { client } = useOperator();
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [local, setLocal] = useState<FieldProblems>();
  const release = useMutation({
    mutationFn: (why: string) => client.releaseForCustomer(reservation.reservation_id, why),
    onSuccess: async () => {
      await queries.invalidateQueries();
      onClose();
    },
    // Refused because it has ended meanwhile: the page should show how.
    onError: () => queries.invalidateQueries({ queryKey: ['reservation'] }),
  });
  const fields = problemsAtFields(local, release.error, POINTERS);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const why = reason.trim();
    setLocal(why === '' ? new Map([['/reason', 'is needed: it stays in the journal']]) : undefined);
    if (why !== '' && !release.isPending) release.mutate(why);
  };
  return (
    <Dialog title="Release for the customer?" onClose={onClose} held={release.isPending}>
      <form className="stack" onSubmit={submit} noValidate>
        <p>
          {linesText(reservation.items)} can be reserved by others at once. The customer finds the reservation
          released, and cannot confirm it any more.
        </p>
        <TextField
          label="Reason"
          required
          hint="Stays in the journal, with your name"
          value={reason}
          error={fields.get('/reason')}
          onChange={(event) => setReason(event.target.value)}
        />
        <FormProblems fields={fields} error={release.error} pointers={POINTERS} />
        <div className="dialog-actions">
          <Button look="danger" type="submit" busy={release.isPending}>
            Release
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

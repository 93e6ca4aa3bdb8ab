// Closing a sale is for good: the dialog says what happens before it does.
import type { Sale } from '@holdfast/contract/sales';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button } from '../../shared/button.tsx';
import { Dialog } from '../../shared/dialog.tsx';
import { FormProblems } from '../form-problems.tsx';
import { useOperator } from '../operator-store.ts';

const NO_FIELDS = new Map<string, string>();

export function CloseSaleDialog({ sale, onClose }: { readonly sale: Sale; readonly onClose: () => void }) {
  const { client } = useOperator();
  const queries = useQueryClient();
  const close = useMutation({
    mutationFn: () => client.closeSale(sale.id),
    onSuccess: async () => {
      await queries.invalidateQueries();
      onClose();
    },
  });
  return (
    <Dialog title={`Close ${sale.name}?`} onClose={onClose} held={close.isPending}>
      <div className="stack">
        <p>From that moment on:</p>
        <ul className="points">
          <li>nobody can reserve any more, and the sale cannot be opened again;</li>
          <li>reservations that are live can still be paid for until their deadline;</li>
          <li>orders, history and analytics stay, and the SKUs are free for another sale.</li>
        </ul>
        <FormProblems fields={NO_FIELDS} error={close.error} pointers={[]} />
      </div>
      <div className="dialog-actions">
        <Button onClick={onClose}>Keep it open</Button>
        <Button look="danger" onClick={() => close.mutate()} busy={close.isPending}>
          Close the sale
        </Button>
      </div>
    </Dialog>
  );
}

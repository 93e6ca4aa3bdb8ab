// Paying, simulated and labelled so. The order of things is that of a real shop: extend if the payment is slow and the
// sale allows it, pay, then confirm with the payment's reference. An answer to the confirmation that was lost is asked
// for again with the same reference: it cannot be confirmed twice.
import type { Order } from '@holdfast/contract/orders';
import type { Reservation } from '@holdfast/contract/reservations';
import type { Sale } from '@holdfast/contract/sales';
import { useEffect, useId, useRef, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { Countdown } from '../../shared/countdown.tsx';
import { Dialog } from '../../shared/dialog.tsx';
import { Notice } from '../../shared/notice.tsx';
import { RefusalNotice } from '../refusal-notice.tsx';
import { extensionOf } from '../reserve/extension.ts';
import { useNoteReservation } from '../reserve/holdings.ts';
import { mayHaveHappened } from '../reserve/reserve-once.ts';
import { asShopper, useShop } from '../shop.tsx';
import { LinesTable, type PricedLine } from './lines-table.tsx';
import { PAYMENT_MS, type PaymentKind, pay } from './payment.ts';

export interface PaymentSheetProps {
  readonly sale: Sale;
  readonly reservation: Reservation;
  readonly lines: readonly PricedLine[];
  readonly onClose: () => void;
  readonly onPaid: (order: Order) => void;
  /** The service gave the reservation more time on the way. */
  readonly onExtended: () => void;
}

type Step =
  | { readonly at: 'choosing' }
  | { readonly at: 'paying'; readonly kind: PaymentKind }
  | { readonly at: 'confirming' }
  | { readonly at: 'declined' }
  | { readonly at: 'refused'; readonly error: unknown; readonly reference: string };

const KINDS: readonly { readonly kind: PaymentKind; readonly label: string; readonly hint: string }[] = [
  { kind: 'succeeds', label: 'Succeeds', hint: 'The money is there at once.' },
  {
    kind: 'slow',
    label: 'Succeeds slowly',
    hint: 'Takes a while; the reservation is extended first, if it can be.',
  },
  { kind: 'fails', label: 'Fails', hint: 'The card is declined. What you reserved stays yours.' },
];

export function PaymentSheet(props: PaymentSheetProps) {
  const { sale, reservation, lines, onClose, onPaid, onExtended } = props;
  const shop = useShop();
  const note = useNoteReservation();
  const [kind, setKind] = useState<PaymentKind>('succeeds');
  const [step, setStep] = useState<Step>({ at: 'choosing' });
  const leaving = useRef(new AbortController());
  const group = useId();
  useEffect(() => {
    leaving.current = new AbortController();
    return () => leaving.current.abort();
  }, []);

  const id = reservation.reservation_id;
  const confirm = async (reference: string) => {
    setStep({ at: 'confirming' });
    try {
      onPaid(await asShopper(shop, () => shop.customer.confirm(id, { paymentReference: reference })));
    } catch (error) {
      setStep({ at: 'refused', error, reference });
    }
  };
  const extendFor = async () => {
    const extension = extensionOf(sale, reservation, 0);
    if (!extension.possible) return;
    try {
      note(await asShopper(shop, () => shop.customer.extend(id, extension.seconds)));
      onExtended();
    } catch {
      // Then it has to do with the time there is; confirming says if it did not.
    }
  };
  const start = async () => {
    setStep({ at: 'paying', kind });
    try {
      if (kind === 'slow') await extendFor();
      const { outcome, reference } = await pay(kind, leaving.current.signal);
      if (outcome === 'paid') await confirm(reference);
      else setStep({ at: 'declined' });
    } catch {
      // Left: nobody is there to be told.
    }
  };

  const busy = step.at === 'paying' || step.at === 'confirming';
  const askAgain = step.at === 'refused' && mayHaveHappened(step.error);
  return (
    <Dialog title="Pay" onClose={onClose} held={busy}>
      <p className="simulated">Simulated payment: no money moves.</p>
      <LinesTable lines={lines} caption="What you pay for" />
      <p className="pay-deadline">
        Yours for another <Countdown until={reservation.expires_at} label="Time left to pay" />
      </p>
      {!askAgain && (
        <fieldset className="choices">
          <legend className="field-label">The payment</legend>
          {KINDS.map((each) => (
            <label key={each.kind} className="choice">
              <input
                type="radio"
                name={group}
                checked={kind === each.kind}
                disabled={busy}
                onChange={() => setKind(each.kind)}
              />
              <span>
                <span className="choice-label">{each.label}</span>
                <span className="field-hint">{each.hint}</span>
              </span>
            </label>
          ))}
        </fieldset>
      )}
      <div className="pay-news">
        {busy && <Notice>{busyText(step)}</Notice>}
        {step.at === 'declined' && (
          <Notice tone="bad" title="The payment was declined">
            <p>Nothing was charged. Your reservation is as it was: choose another way to pay.</p>
          </Notice>
        )}
        {step.at === 'refused' && <RefusalNotice error={step.error} />}
      </div>
      <div className="dialog-actions">
        {askAgain ? (
          <Button look="primary" onClick={() => void confirm(step.reference)}>
            Ask again
          </Button>
        ) : (
          <Button look="primary" busy={busy} onClick={() => void start()}>
            Pay now
          </Button>
        )}
      </div>
    </Dialog>
  );
}

function busyText(step: Step): string {
  if (step.at === 'confirming') return 'Paid. Making your order…';
  const slow = step.at === 'paying' && step.kind === 'slow';
  return slow ? `The payment takes its time, about ${PAYMENT_MS.slow / 1000} seconds…` : 'Paying…';
}

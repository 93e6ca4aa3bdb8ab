// One reservation of the shopper: how long it is still theirs, and what they can do with it. When it ends while they
// look, it says how, until they have seen it.
import type { Order } from '@holdfast/contract/orders';
import type { Reservation } from '@holdfast/contract/reservations';
import type { Sale } from '@holdfast/contract/sales';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useAnnounce } from '../../shared/announce.tsx';
import { Button } from '../../shared/button.tsx';
import { clockText, wordsText } from '../../shared/duration-text.ts';
import { Notice } from '../../shared/notice.tsx';
import { useRemainingMs } from '../../shared/use-store-clock.ts';
import { LinesTable, type PricedLine } from '../pay/lines-table.tsx';
import { PaymentSheet } from '../pay/payment-sheet.tsx';
import { RefusalNotice } from '../refusal-notice.tsx';
import { Link, navigate } from '../router.tsx';
import { asShopper, useShop } from '../shop.tsx';
import { EXTENSION_SECONDS, extensionOf } from './extension.ts';
import { useNoteReservation } from './holdings.ts';
import { isLive } from './reservation-list.ts';

export interface HeldPanelProps {
  readonly reservation: Reservation;
  readonly sale: Sale;
  /** It has ended, and the shopper has seen it. */
  readonly onSeen: () => void;
}

export function HeldPanel(props: HeldPanelProps) {
  return isLive(props.reservation) ? <Held {...props} /> : <Ended {...props} />;
}

function Held({ reservation, sale, onSeen }: HeldPanelProps) {
  const shop = useShop();
  const queries = useQueryClient();
  const note = useNoteReservation();
  const remaining = useRemainingMs(Date.parse(reservation.expires_at));
  const [paying, setPaying] = useState(false);
  const [extensions, setExtensions] = useState(0);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = reservation.reservation_id;
  useThresholds(remaining);
  useLookWhenOver(remaining === 0, id);

  const release = useMutation({
    mutationFn: () => asShopper(shop, () => shop.customer.release(id)),
    onSuccess: note,
  });
  const extend = useMutation({
    mutationFn: (seconds: number) => asShopper(shop, () => shop.customer.extend(id, seconds)),
    onSuccess: (extended) => {
      setExtensions((seen) => seen + 1);
      note(extended);
    },
    // The answer may have been lost, or the sale gives none: the reservation itself tells.
    onError: () => void queries.invalidateQueries({ queryKey: ['reservations'] }),
  });
  const paid = (order: Order) => {
    queries.setQueryData(['order', order.order_id], order);
    void queries.invalidateQueries({ queryKey: ['orders'] });
    note({ ...reservation, status: 'confirmed', order_id: order.order_id });
    onSeen();
    navigate(`/orders/${order.order_id}`);
  };

  const extension = extensionOf(sale, reservation, extensions);
  const over = remaining === 0;
  return (
    <section className="panel held" aria-labelledby={`held-${id}`} data-reservation={id}>
      <div className="held-head">
        <h2 id={`held-${id}`} ref={heading} tabIndex={-1}>
          {over ? 'Time is up' : 'Reserved for you'}
        </h2>
        <p
          className="held-clock number"
          role="timer"
          aria-live="off"
          aria-label={`Time left: ${wordsText(remaining)}`}
        >
          {clockText(remaining)}
        </p>
      </div>
      <TimeBar reservation={reservation} remaining={remaining} />
      <LinesTable lines={pricedLines(reservation, sale)} caption="What you have reserved" />
      {release.error !== null && <RefusalNotice error={release.error} />}
      {extend.error !== null && <RefusalNotice error={extend.error} />}
      <div className="held-actions">
        <Button look="primary" onClick={() => setPaying(true)} whyNot={over ? 'its time is up' : undefined}>
          Pay
        </Button>
        {sale.max_extensions > 0 && (
          <Button
            onClick={() => extension.possible && extend.mutate(extension.seconds)}
            busy={extend.isPending}
            whyNot={over ? 'its time is up' : extension.possible ? undefined : extension.why}
          >
            Add {wordsText(1000 * (extension.possible ? extension.seconds : EXTENSION_SECONDS))}
          </Button>
        )}
        <Button look="plain" onClick={() => release.mutate()} busy={release.isPending}>
          Release
        </Button>
      </div>
      {paying && (
        <PaymentSheet
          sale={sale}
          reservation={reservation}
          lines={pricedLines(reservation, sale)}
          onClose={() => setPaying(false)}
          onPaid={paid}
          onExtended={() => setExtensions((seen) => seen + 1)}
        />
      )}
    </section>
  );
}

/** How much of the time is left, of what there was. */
function TimeBar({
  reservation,
  remaining,
}: {
  readonly reservation: Reservation;
  readonly remaining: number;
}) {
  const whole = Date.parse(reservation.expires_at) - Date.parse(reservation.created_at);
  const share = whole > 0 ? Math.min(1, remaining / whole) : 0;
  return (
    <svg className="time-bar" viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true">
      <rect className="time-bar-ground" width="100" height="2" />
      <rect
        className={remaining < 60_000 ? 'time-bar-short' : 'time-bar-left'}
        width={share * 100}
        height="2"
      />
    </svg>
  );
}

const ENDINGS = {
  expired: {
    tone: 'warn',
    title: 'Time is up',
    sentence:
      'The units went back to the others and nothing was charged. Reserve again if there are any left.',
  },
  released: {
    tone: 'plain',
    title: 'Released',
    sentence: 'The units are back in the sale. Nothing was charged.',
  },
  confirmed: { tone: 'good', title: 'Bought', sentence: 'This is yours.' },
  lost: {
    tone: 'bad',
    title: 'We lost your reservation',
    sentence:
      'A failure on our side took it away, and we are sorry. Nothing was charged. Please reserve again.',
  },
} as const;

function Ended({ reservation, sale, onSeen }: HeldPanelProps) {
  const { status, order_id } = reservation;
  if (status === 'active' || status === 'confirming') return null;
  const { tone, title, sentence } = ENDINGS[status];
  return (
    <section className="panel" data-ended={status}>
      <Notice tone={tone} title={title}>
        <p>
          {pricedLines(reservation, sale)
            .map(({ name, quantity }) => `${quantity} × ${name}`)
            .join(', ')}
        </p>
        <p>{sentence}</p>
        {order_id !== undefined && <Link href={`/orders/${order_id}`}>See the order</Link>}
        <Button look="plain" onClick={onSeen}>
          All right
        </Button>
      </Notice>
    </section>
  );
}

export function pricedLines(reservation: Reservation, sale: Sale): PricedLine[] {
  return reservation.items.map(({ sku, quantity }) => {
    const item = sale.items.find((each) => each.sku === sku);
    return { sku, quantity, name: item?.name ?? sku, price: item?.price };
  });
}

/** What a screen reader hears of the countdown: not each second, but what one would act on. */
const THRESHOLDS_MS = [60_000, 30_000, 10_000] as const;

function useThresholds(remaining: number): void {
  const announce = useAnnounce();
  const passed = useRef(remaining);
  useEffect(() => {
    const before = passed.current;
    passed.current = remaining;
    if (remaining === 0 && before > 0) announce('Time is up: your reservation has ended.');
    else if (THRESHOLDS_MS.some((threshold) => before > threshold && remaining <= threshold)) {
      announce(`${wordsText(remaining)} left to pay for your reservation.`);
    }
  }, [remaining, announce]);
}

/** The deadline has passed here; what became of it, the store says. Asked until it does. */
const LOOK_PERIOD_MS = 500;

function useLookWhenOver(over: boolean, reservationId: string): void {
  const shop = useShop();
  const note = useNoteReservation();
  useEffect(() => {
    if (!over) return;
    const look = async () => {
      try {
        note(await asShopper(shop, () => shop.customer.reservation(reservationId)));
      } catch {
        // Asked again in a moment.
      }
    };
    void look();
    const timer = setInterval(() => void look(), LOOK_PERIOD_MS);
    return () => clearInterval(timer);
  }, [over, reservationId, shop, note]);
}

// One reservation: how it stands, its order, everything that happened to it, and the release on a customer's behalf.
import type { AuditEntry } from '@holdfast/contract/admin-audit';
import type { ReservationHistory } from '@holdfast/contract/admin-reservations';
import { type ReactNode, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { Countdown } from '../../shared/countdown.tsx';
import { exactInstantText } from '../../shared/instant-text.ts';
import { Money } from '../../shared/money.tsx';
import { Asked, useAsk } from '../asking.tsx';
import { changeText, factsText, unitsText, whoText, wordOf } from '../audit/entry-text.ts';
import { Panel } from '../figures/panel.tsx';
import { DASH } from '../numbers.ts';
import { Link } from '../router.tsx';
import { linesText } from './lines-text.ts';
import { ReleaseDialog } from './release-dialog.tsx';
import { StatusBadge } from './status-badge.tsx';

/** While it is live something may happen to it any moment. */
const EVERY_MS = 3_000;

export function ReservationPage({ reservationId }: { readonly reservationId: string }) {
  const found = useAsk(
    ['reservation', reservationId],
    (client, signal) => client.operatorReservation(reservationId, { signal }),
    { everyMs: EVERY_MS },
  );
  return (
    <>
      <h1>
        Reservation <span className="mono id">{reservationId}</span>
      </h1>
      <Asked of={found} what="the reservation" lines={6}>
        {(known) => <Whole found={known} />}
      </Asked>
    </>
  );
}

function Whole({ found }: { readonly found: ReservationHistory }) {
  const { reservation, order, history } = found;
  const [releasing, setReleasing] = useState(false);
  const live = reservation.status === 'active';
  return (
    <>
      <div className="actions">
        <Button
          look="danger"
          onClick={() => setReleasing(true)}
          whyNot={live ? undefined : `it is ${reservation.status}, not active`}
        >
          Release for the customer
        </Button>
      </div>
      <div className="panels">
        <Panel title="As it stands">
          <Facts found={found} />
        </Panel>
        <Panel title="Order">
          {order === null ? (
            <p className="soft">None: it was not confirmed.</p>
          ) : (
            <dl className="facts">
              <Fact name="Order" value={<span className="mono">{order.order_id}</span>} />
              <Fact name="Confirmed" value={exactInstantText(order.confirmed_at)} />
              <Fact name="Units" value={linesText(order.items)} />
              <Fact name="Total" value={order.total === undefined ? DASH : <Money amount={order.total} />} />
              <Fact name="Payment" value={order.payment_reference ?? DASH} />
            </dl>
          )}
        </Panel>
        <Panel title="History" wide>
          <Timeline history={history} />
        </Panel>
      </div>
      {releasing && <ReleaseDialog reservation={reservation} onClose={() => setReleasing(false)} />}
    </>
  );
}

function Facts({ found: { reservation } }: { readonly found: ReservationHistory }) {
  return (
    <dl className="facts">
      <Fact name="Status" value={<StatusBadge status={reservation.status} />} />
      <Fact name="Customer" value={reservation.customer_id ?? 'not known: never bought'} />
      <Fact name="Units" value={linesText(reservation.items)} />
      <Fact
        name="Sale"
        value={<Link to={{ page: 'live', saleId: reservation.sale_id }}>{reservation.sale_id}</Link>}
      />
      <Fact name="Made" value={exactInstantText(reservation.created_at)} />
      <Fact
        name="Deadline"
        value={
          <>
            {exactInstantText(reservation.expires_at)}
            {reservation.status === 'active' && (
              <>
                , in <Countdown until={reservation.expires_at} label="Time left" />
              </>
            )}
          </>
        }
      />
    </dl>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="number">{value}</dd>
    </div>
  );
}

function Timeline({ history }: { readonly history: readonly AuditEntry[] }) {
  if (history.length === 0)
    return <p className="soft">The journal has nothing yet: it follows within moments.</p>;
  return (
    <ol className="timeline">
      {history.map((entry) => (
        <li key={entry.entry_id}>
          <time className="number small soft" dateTime={entry.at}>
            {exactInstantText(entry.at)}
          </time>
          <span className="strong">{wordOf(entry.kind)}</span>
          <span>
            {[unitsText(entry), changeText(entry), whoText(entry), factsText(entry.detail)]
              .filter(Boolean)
              .join(' · ')}
          </span>
          {entry.reason !== undefined && <q>{entry.reason}</q>}
        </li>
      ))}
    </ol>
  );
}

// Find any customer's reservations.
import type { OperatorReservation } from '@holdfast/contract/admin-reservations';
import type { ReservationStatus } from '@holdfast/contract/reservations';
import { type FormEvent, useState } from 'react';
import { Button } from '../../shared/button.tsx';
import { SelectField, TextField } from '../../shared/field.tsx';
import { exactInstantText } from '../../shared/instant-text.ts';
import { Asked, useAsk } from '../asking.tsx';
import { FilterField, FilterForm, NothingHere, Pager, useFilters } from '../filter-form.tsx';
import { writeFilters } from '../filters.ts';
import { DASH } from '../numbers.ts';
import { pathOf } from '../places.ts';
import { Link, navigate, useSearch } from '../router.tsx';
import { linesText } from './lines-text.ts';
import { StatusBadge } from './status-badge.tsx';

const NAMES = ['sale', 'sku', 'customer', 'status'] as const;
const STATUSES = [
  'active',
  'confirming',
  'confirmed',
  'released',
  'expired',
  'lost',
] as const satisfies ReservationStatus[];
const PAGE_SIZE = 50;

export function ReservationsPage() {
  const { filters, cursor } = useFilters(NAMES);
  const search = useSearch();
  const status = STATUSES.find((known) => known === filters.status);
  const page = useAsk(
    ['reservations', filters, cursor],
    (client, signal) =>
      client.operatorReservations({ ...filters, status, cursor, limit: PAGE_SIZE }, { signal }),
    { keepLast: true },
  );
  return (
    <>
      <h1>Reservations</h1>
      <FindById />
      <FilterForm
        key={search}
        names={NAMES}
        filters={filters}
        fields={(value, change) => (
          <>
            <FilterField label="Sale" value={value('sale')} onChange={(text) => change('sale', text)} />
            <FilterField label="SKU" value={value('sku')} onChange={(text) => change('sku', text)} />
            <FilterField
              label="Customer"
              value={value('customer')}
              onChange={(text) => change('customer', text)}
            />
            <SelectField
              label="Status"
              value={value('status')}
              onChange={(event) => change('status', event.target.value)}
            >
              <option value="">any</option>
              {STATUSES.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </SelectField>
          </>
        )}
      />
      <Asked of={page} what="reservations" lines={6}>
        {({ data, next_cursor }) => (
          <>
            {data.length === 0 ? (
              <NothingHere next={next_cursor} what="reservations" />
            ) : (
              <Rows reservations={data} />
            )}
            <Pager search={(to) => writeFilters(filters, NAMES, to)} cursor={cursor} next={next_cursor} />
          </>
        )}
      </Asked>
    </>
  );
}

function FindById() {
  const [id, setId] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (id.trim() !== '') navigate(pathOf({ page: 'reservation', reservationId: id.trim() }));
  };
  return (
    <form className="find" onSubmit={submit}>
      <TextField
        label="Reservation id"
        value={id}
        spellCheck={false}
        onChange={(event) => setId(event.target.value)}
      />
      <Button type="submit">Open</Button>
    </form>
  );
}

function Rows({ reservations }: { readonly reservations: readonly OperatorReservation[] }) {
  return (
    <div className="table-box">
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Reservation</th>
            <th scope="col">Status</th>
            <th scope="col">Customer</th>
            <th scope="col">Units</th>
            <th scope="col">Sale</th>
            <th scope="col">Made</th>
            <th scope="col">Deadline</th>
          </tr>
        </thead>
        <tbody>
          {reservations.map((reservation) => (
            <tr key={reservation.reservation_id}>
              <th scope="row">
                <Link
                  className="mono"
                  to={{ page: 'reservation', reservationId: reservation.reservation_id }}
                >
                  {reservation.reservation_id}
                </Link>
              </th>
              <td data-label="Status">
                <StatusBadge status={reservation.status} />
              </td>
              <td data-label="Customer">{reservation.customer_id ?? DASH}</td>
              <td data-label="Units">{linesText(reservation.items)}</td>
              <td data-label="Sale" className="mono">
                {reservation.sale_id}
              </td>
              <td data-label="Made" className="number">
                {exactInstantText(reservation.created_at)}
              </td>
              <td data-label="Deadline" className="number">
                {exactInstantText(reservation.expires_at)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

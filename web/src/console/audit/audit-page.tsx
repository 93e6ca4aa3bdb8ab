// The journal: who did what, when, what was before and after, and why. What is shown can be taken along as a file.
import type { AuditEntry } from '@holdfast/contract/admin-audit';
import { useMutation } from '@tanstack/react-query';
import { Button } from '../../shared/button.tsx';
import { TextField } from '../../shared/field.tsx';
import { exactInstantText } from '../../shared/instant-text.ts';
import { Notice } from '../../shared/notice.tsx';
import { Asked, sentenceOf, useAsk } from '../asking.tsx';
import { FilterField, FilterForm, NothingHere, Pager, useFilters } from '../filter-form.tsx';
import { type Filters, instantOfInput, writeFilters } from '../filters.ts';
import { useOperator } from '../operator-store.ts';
import { Link, useSearch } from '../router.tsx';
import { changeText, factsText, unitsText, whoText, wordOf } from './entry-text.ts';
import { saveFile } from './save-file.ts';

const NAMES = ['sale', 'sku', 'customer', 'reservation', 'from', 'to'] as const;
const PAGE_SIZE = 100;

type AuditFilters = Filters<(typeof NAMES)[number]>;

export function AuditPage() {
  const { filters, cursor } = useFilters(NAMES);
  const search = useSearch();
  const asked = askedFor(filters);
  const page = useAsk(
    ['audit', asked, cursor],
    (client, signal) => client.audit({ ...asked, cursor, limit: PAGE_SIZE }, { signal }),
    { keepLast: true },
  );
  return (
    <>
      <h1>Audit</h1>
      <FilterForm
        key={search}
        names={NAMES}
        filters={filters}
        actions={<Export filters={filters} />}
        fields={(value, change) => (
          <>
            <FilterField label="Sale" value={value('sale')} onChange={(text) => change('sale', text)} />
            <FilterField label="SKU" value={value('sku')} onChange={(text) => change('sku', text)} />
            <FilterField
              label="Customer"
              value={value('customer')}
              onChange={(text) => change('customer', text)}
            />
            <FilterField
              label="Reservation"
              value={value('reservation')}
              onChange={(text) => change('reservation', text)}
            />
            {(['from', 'to'] as const).map((name) => (
              <TextField
                key={name}
                label={name === 'from' ? 'From' : 'Until'}
                type="datetime-local"
                step={1}
                value={value(name)}
                onChange={(event) => change(name, event.target.value)}
              />
            ))}
          </>
        )}
      />
      <Asked of={page} what="the journal" lines={8}>
        {({ data, next_cursor }) => (
          <>
            {data.length === 0 ? <NothingHere next={next_cursor} what="entries" /> : <Rows entries={data} />}
            <Pager search={(to) => writeFilters(filters, NAMES, to)} cursor={cursor} next={next_cursor} />
          </>
        )}
      </Asked>
    </>
  );
}

/** Times stand in the address as they were typed, in the operator's own time; the service gets instants. */
function askedFor({ from, to, ...rest }: AuditFilters) {
  return { ...rest, from: instantOfInput(from ?? ''), to: instantOfInput(to ?? '') };
}

function Export({ filters }: { readonly filters: AuditFilters }) {
  const { client } = useOperator();
  const save = useMutation({
    mutationFn: async () =>
      saveFile('holdfast-audit.csv', 'text/csv', await client.auditCsv(askedFor(filters))),
  });
  return (
    <>
      <Button onClick={() => save.mutate()} busy={save.isPending}>
        Export as CSV
      </Button>
      {save.error !== null && <Notice tone="bad" title={sentenceOf(save.error)} />}
    </>
  );
}

function Rows({ entries }: { readonly entries: readonly AuditEntry[] }) {
  return (
    <div className="table-box">
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What</th>
            <th scope="col">Sale</th>
            <th scope="col">Units</th>
            <th scope="col">Before → after</th>
            <th scope="col">Who</th>
            <th scope="col">Why</th>
            <th scope="col">Reservation</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.entry_id}>
              <td data-label="When" className="number">
                <time dateTime={entry.at}>{exactInstantText(entry.at)}</time>
              </td>
              <th scope="row">{wordOf(entry.kind)}</th>
              <td data-label="Sale" className="mono">
                {entry.sale_id}
              </td>
              <td data-label="Units" className="number">
                {unitsText(entry)}
              </td>
              <td data-label="Before → after" className="number">
                {[changeText(entry), factsText(entry.detail)].filter(Boolean).join('; ')}
              </td>
              <td data-label="Who">{whoText(entry)}</td>
              <td data-label="Why">
                {entry.reason}
                {entry.reference !== undefined && <span className="small soft block">{entry.reference}</span>}
              </td>
              <td data-label="Reservation">
                {entry.reservation_id !== undefined && (
                  <Link className="mono" to={{ page: 'reservation', reservationId: entry.reservation_id }}>
                    {entry.reservation_id}
                  </Link>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

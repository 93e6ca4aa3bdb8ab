// How a sale went, as a whole or between two moments: series, funnel, time to sell out. Also of sales that are over.
import type { Analytics } from '@holdfast/contract/analytics';
import { useMemo, useState } from 'react';
import { wordsText } from '../../shared/duration-text.ts';
import { TextField } from '../../shared/field.tsx';
import { exactInstantText } from '../../shared/instant-text.ts';
import { Empty } from '../../shared/states.tsx';
import { Asked, useAsk } from '../asking.tsx';
import { Funnel, RefusalBars, Resolutions } from '../figures/funnel.tsx';
import { KeyFigure } from '../figures/key-figure.tsx';
import { Latency } from '../figures/latency.tsx';
import { Panel } from '../figures/panel.tsx';
import { FilterForm, useFilters } from '../filter-form.tsx';
import { instantOfInput } from '../filters.ts';
import { LinesLegend } from '../live/attempts-panels.tsx';
import { UnitsLegend } from '../live/stock-plot.tsx';
import { countText, DASH, largeText } from '../numbers.ts';
import { lineColumns, unitColumns } from '../plots/columns.ts';
import { linesASecond, stackedUnits } from '../plots/looks.ts';
import { Plot } from '../plots/plot.tsx';
import { useSearch } from '../router.tsx';
import { SaleHead } from '../sales/sale-head.tsx';
import { totalRefused } from './funnel.ts';

const NAMES = ['from', 'to', 'step'] as const;

export function AnalyticsPage({ saleId }: { readonly saleId: string }) {
  const { filters } = useFilters(NAMES);
  const search = useSearch();
  const sale = useAsk(['sale', saleId], (client, signal) => client.sale(saleId, { signal }));
  const analytics = useAsk(
    ['analytics', saleId, filters],
    (client, signal) => {
      const from = instantOfInput(filters.from ?? '');
      const to = instantOfInput(filters.to ?? '');
      const step = Number(filters.step);
      return client.insight.analytics(saleId, {
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
        ...(Number.isInteger(step) && step > 0 && { step }),
        signal,
      });
    },
    { keepLast: true },
  );
  return (
    <Asked of={sale} what="the sale" lines={8}>
      {(known) => (
        <>
          <SaleHead sale={known} here="analytics" />
          <FilterForm
            key={search}
            names={NAMES}
            filters={filters}
            fields={(value, change) => (
              <>
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
                <TextField
                  label="Step"
                  hint="Seconds; empty: at most 300 points"
                  inputMode="numeric"
                  value={value('step')}
                  onChange={(event) => change('step', event.target.value)}
                />
              </>
            )}
          />
          <Asked of={analytics} what="the analytics" lines={8}>
            {(answer) => <Whole analytics={answer} />}
          </Asked>
        </>
      )}
    </Asked>
  );
}

function Whole({ analytics }: { readonly analytics: Analytics }) {
  const { series, step_seconds, funnel, sales, latency } = analytics;
  const units = useMemo(() => unitColumns(series, step_seconds), [series, step_seconds]);
  const lines = useMemo(() => lineColumns(series, step_seconds), [series, step_seconds]);
  const last = series.at(-1);
  if (last === undefined) return <Empty title="Nothing has happened in this time" />;
  const span = `from ${exactInstantText(analytics.from)} to ${exactInstantText(analytics.to)}`;
  return (
    <>
      <dl className="key-figures">
        <KeyFigure
          label="Attempts"
          value={largeText(funnel.attempts)}
          note={`${countText(funnel.replayed)} retries`}
        />
        <KeyFigure label="Reserved" value={largeText(funnel.reserved)} />
        <KeyFigure
          label="Confirmed"
          value={largeText(funnel.confirmed)}
          note={`${countText(last.units.sold)} units sold`}
        />
        <KeyFigure label="Refused" value={largeText(totalRefused(funnel.refused))} />
        <SoldOutFigure sales={sales} />
      </dl>
      <p className="small soft number">
        In steps of {wordsText(step_seconds * 1_000)}, {span}.
      </p>
      <div className="panels">
        <Panel title="Units" wide>
          <Plot
            options={stackedUnits}
            data={units}
            label={`Units ${span}. At the end ${last.units.sold} sold, ${last.units.reserved} reserved, ${last.units.available} available.`}
          />
          <UnitsLegend />
        </Panel>
        <Panel title="Each second" wide>
          <Plot
            options={linesASecond}
            data={lines}
            label={`Attempts, reserved, refused and confirmed a second, ${span}.`}
          />
          <LinesLegend />
        </Panel>
        <Panel title="Funnel">
          <Funnel counts={funnel} />
        </Panel>
        <Panel title="What became of reservations">
          <Resolutions counts={funnel} />
        </Panel>
        <Panel title="Refused">
          <RefusalBars refused={funnel.refused} />
        </Panel>
        <Panel title="Time to decide">
          <Latency latency={latency} />
        </Panel>
      </div>
      <SeriesTable series={series} />
    </>
  );
}

function SoldOutFigure({ sales }: { readonly sales: Analytics['sales'] }) {
  const { seconds_to_sell_out: seconds, sold_out_at } = sales;
  return (
    <KeyFigure
      label="Time to sell out"
      value={seconds === null ? DASH : wordsText(seconds * 1_000)}
      note={sold_out_at === null ? 'not sold out' : exactInstantText(sold_out_at)}
    />
  );
}

/** The plots in figures. Made when it is opened: two thousand rows that nobody reads cost too much. */
function SeriesTable({ series }: { readonly series: Analytics['series'] }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="series" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The series in figures</summary>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
        <section className="table-box table-tall" tabIndex={0} aria-label="The series in figures">
          <table className="rows rows-dense">
            <thead>
              <tr>
                {[
                  'At',
                  'Attempts',
                  'Reserved',
                  'Refused',
                  'Confirmed',
                  'Expired',
                  'Released',
                  'Available',
                  'Sold',
                ].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {series.map((point) => (
                <tr key={point.at}>
                  <th scope="row" className="number">
                    {exactInstantText(point.at)}
                  </th>
                  {[
                    ['Attempts', point.attempts],
                    ['Reserved', point.reserved],
                    ['Refused', totalRefused(point.refused)],
                    ['Confirmed', point.confirmed],
                    ['Expired', point.expired],
                    ['Released', point.released],
                    ['Available', point.units.available],
                    ['Sold', point.units.sold],
                  ].map(([name, count]) => (
                    <td key={name} data-label={name} className="number">
                      {countText(count as number)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}

// What comes in each second and what becomes of it, over the last two minutes.
import type { Analytics } from '@holdfast/contract/analytics';
import { useMemo } from 'react';
import { useStoreClock } from '../../shared/use-store-clock.ts';
import { recentRates, settled } from '../analytics/recent-rates.ts';
import { Asked, useAsk } from '../asking.tsx';
import { RefusalBars } from '../figures/funnel.tsx';
import { Latency } from '../figures/latency.tsx';
import { Panel } from '../figures/panel.tsx';
import { rateText } from '../numbers.ts';
import { lineColumns } from '../plots/columns.ts';
import { LINES, linesASecond } from '../plots/looks.ts';
import { Plot } from '../plots/plot.tsx';

const RECENT_MS = 120_000;
const EVERY_MS = 1_000;

export function AttemptsPanels({ saleId }: { readonly saleId: string }) {
  const clock = useStoreClock();
  const recent = useAsk(
    ['analytics', saleId, 'recent'],
    (client, signal) => {
      const from = new Date(clock.nowMs() - RECENT_MS).toISOString();
      return client.insight.analytics(saleId, { from, step: 1, signal });
    },
    { everyMs: EVERY_MS },
  );
  return (
    <>
      <Panel title="Each second" wide>
        <Asked of={recent} what="the last two minutes">
          {(analytics) => <EachSecond analytics={analytics} />}
        </Asked>
      </Panel>
      <Panel title="Refused lately">
        <Asked of={recent} what="refusals">
          {({ funnel }) => <RefusalBars refused={funnel.refused} />}
        </Asked>
      </Panel>
      <Panel title="Time to decide">
        <Asked of={recent} what="latencies">
          {({ latency }) => <Latency latency={latency} />}
        </Asked>
        <p className="small soft">Over the last two minutes, the network not counted.</p>
      </Panel>
    </>
  );
}

function EachSecond({ analytics }: { readonly analytics: Analytics }) {
  const { series, as_of, step_seconds } = analytics;
  const points = useMemo(() => settled(series, as_of, step_seconds), [series, as_of, step_seconds]);
  const data = useMemo(() => lineColumns(points, step_seconds), [points, step_seconds]);
  const rates = recentRates(points, step_seconds);
  const figures = [
    ['Attempts', rates.attemptsPerSecond],
    ['Accepted', rates.acceptedPerSecond],
    ['Refused', rates.refusedPerSecond],
  ] as const;
  const label = figures.map(([name, perSecond]) => `${name} ${rateText(perSecond)} a second`).join(', ');
  return (
    <>
      <dl className="rates">
        {figures.map(([name, perSecond]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="number">
              {rateText(perSecond)} <span className="small soft">/s</span>
            </dd>
          </div>
        ))}
      </dl>
      <Plot options={linesASecond} data={data} label={`${label}, over the last ten seconds.`} />
      <LinesLegend />
    </>
  );
}

export function LinesLegend() {
  return (
    <ul className="legend">
      {LINES.map(({ name }) => (
        <li key={name}>
          <span className={`line-swatch line-${name.toLowerCase()}`} aria-hidden="true" />{' '}
          {name.toLowerCase()}
        </li>
      ))}
    </ul>
  );
}

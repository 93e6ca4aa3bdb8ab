// What the ledger says of a race, promise by promise.
import type { RaceQuantiles, RaceVerdict } from '@holdfast/contract/race';
import { Notice } from '../../shared/notice.tsx';
import { Panel } from '../figures/panel.tsx';
import { Sign } from '../health/sign.tsx';
import { countOf, countText, DASH, msText } from '../numbers.ts';

export function Verdict({ verdict, seed }: { readonly verdict: RaceVerdict; readonly seed: number }) {
  const { ok, winners, oversold, duplicates, duration_ms, ledger, checks } = verdict;
  return (
    <>
      <Notice tone={ok ? 'good' : 'bad'} title={ok ? 'All promises held' : 'A promise broke'}>
        <p className="number">
          {countOf(winners, 'winner')}, {countText(oversold)} oversold, {countText(duplicates)} duplicates, in{' '}
          {msText(duration_ms)}. Seed {seed}: the same seed makes the same plans.
        </p>
        <p className="number">
          The ledger: {countText(ledger.available)} available + {countText(ledger.reserved)} reserved +{' '}
          {countText(ledger.sold)} sold = {countText(ledger.total)}, in {countOf(ledger.orders, 'order')}.
        </p>
      </Notice>
      <div className="panels">
        <Panel title="Promise by promise">
          <ul className="signs">
            {checks.map((check) => (
              <Sign key={check.promise} good={check.ok} label={check.promise} text={check.detail} />
            ))}
          </ul>
        </Panel>
        <Panel title="How long it took">
          <Times verdict={verdict} />
        </Panel>
      </div>
    </>
  );
}

function Times({ verdict: { latency } }: { readonly verdict: RaceVerdict }) {
  const rows: readonly (readonly [string, RaceQuantiles | null])[] = [
    ['Reserve', latency.reserve],
    ['Confirm', latency.confirm],
  ];
  const columns = ['p50_ms', 'p95_ms', 'p99_ms', 'max_ms'] as const;
  return (
    <table className="figures">
      <thead>
        <tr>
          <td />
          {columns.map((column) => (
            <th key={column} scope="col">
              {column.replace('_ms', '')}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, times]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {columns.map((column) => (
              <td key={column} className="number">
                {times === null ? DASH : msText(times[column])}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// How long decisions take, the network not counted.
import type { Analytics } from '@holdfast/contract/analytics';
import { DASH, msText } from '../numbers.ts';

export function Latency({ latency }: { readonly latency: Analytics['latency'] }) {
  const rows = [
    ['Reserve', latency.reserve],
    ['Confirm', latency.confirm],
  ] as const;
  return (
    <table className="figures">
      <caption className="visually-hidden">Time to decide</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">p50</th>
          <th scope="col">p95</th>
          <th scope="col">p99</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, quantiles]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {(['p50_ms', 'p95_ms', 'p99_ms'] as const).map((quantile) => (
              <td key={quantile} className="number">
                {quantiles === null ? DASH : msText(quantiles[quantile])}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

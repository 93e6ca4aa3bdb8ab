// docs/metrics.md as data: the one list of metrics. A running service is held against it, and so is everything that asks for
// metrics: rules, their tests, dashboards.
import { readFileSync } from 'node:fs';

export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

const PAGE = new URL('../../docs/metrics.md', import.meta.url);
const ROW = /^\| `([a-z_]+)` \| (counter|gauge|histogram) \| (—|`[a-z_`, ]+`) \| [^|]+ \| [^|]+ \| [^|]+ \|$/;

export function documentedMetrics(): Map<string, DocumentedMetric> {
  const rows = readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return new Map(
    rows.map((line) => {
      const [, name, type, labels] = ROW.exec(line) ?? [];
      if (name === undefined || type === undefined || labels === undefined)
        throw new Error(`not a row of docs/metrics.md as it should be: ${line}`);
      return [name, { name, type, labels: [...labels.matchAll(/[a-z_]+/g)].map(([label]) => label) }];
    }),
  );
}

/** The names that can be asked for, with their labels: a histogram has three. */
export function documentedSeries(): Map<string, readonly string[]> {
  return new Map(
    [...documentedMetrics().values()].flatMap(({ name, type, labels }) =>
      type === 'histogram'
        ? [
            [`${name}_bucket`, ['le', ...labels]] as const,
            [`${name}_sum`, labels] as const,
            [`${name}_count`, labels] as const,
          ]
        : [[name, labels] as const],
    ),
  );
}

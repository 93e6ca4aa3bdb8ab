// Holds an expression against docs/metrics.md, which is held against a running service: nothing may ask for what is not exported.
import { documentedSeries } from './metric-table.ts';
import { asksFor } from './promql.ts';

/** What Prometheus itself adds. */
const OF_EVERY_SERIES = ['instance', 'job'];
const OWN_SERIES: readonly (readonly [string, readonly string[]])[] = [['up', []]];

/** What is wrong with an expression, in words; empty if it asks for nothing that does not exist. */
export function wrongWith(expression: string): string[] {
  const known = new Map([...documentedSeries(), ...OWN_SERIES]);
  const { selects, groupsBy } = asksFor(expression);
  const wrong: string[] = [];
  for (const { metric, labels } of selects) {
    const has = known.get(metric);
    if (has === undefined) wrong.push(`${metric} is not exported`);
    else
      for (const label of labels)
        if (![...has, ...OF_EVERY_SERIES].includes(label)) wrong.push(`${metric} has no label ${label}`);
  }
  const any = new Set(selects.flatMap(({ metric }) => known.get(metric) ?? []));
  for (const label of groupsBy)
    if (!any.has(label) && !OF_EVERY_SERIES.includes(label))
      wrong.push(`nothing selected has the label ${label}`);
  if (selects.length === 0) wrong.push('it asks for no metric');
  return wrong;
}

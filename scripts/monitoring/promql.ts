// What an expression of PromQL asks for, by Prometheus's own grammar.
import { parser } from '@prometheus-io/lezer-promql';

export interface Asked {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** The metrics that it selects with the labels it matches, and the labels that it groups by. @throws if it is no PromQL */
export function asksFor(expression: string): { readonly selects: Asked[]; readonly groupsBy: string[] } {
  const selects: { metric: string; labels: string[] }[] = [];
  const groupsBy: string[] = [];
  let grouping = false;
  parser.parse(expression).iterate({
    enter: ({ name, from, to, type }) => {
      const text = expression.slice(from, to);
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expression}`);
      if (name === 'GroupingLabels') grouping = true;
      else if (name === 'VectorSelector') selects.push({ metric: '', labels: [] });
      else if (name === 'Identifier') {
        const last = selects.at(-1);
        if (last) last.metric = text;
      } else if (name === 'LabelName') (grouping ? groupsBy : selects.at(-1)?.labels)?.push(text);
    },
    leave: ({ name }) => {
      if (name === 'GroupingLabels') grouping = false;
    },
  });
  return { selects, groupsBy };
}

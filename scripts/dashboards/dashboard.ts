// A dashboard as Grafana reads it, from the little that is said of it here: panels in rows of a 24-column grid, each with its
// queries. `npm run generate` writes the files.

/** Grafana's unit ids; `short` is a plain number. */
type Unit = 'short' | 's' | 'bytes' | 'percentunit' | 'reqps';

export interface Query {
  readonly expr: string;
  /** Grafana's template for the name of a line. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What to see in it, for who has never looked at it. */
  readonly about: string;
  readonly unit: Unit;
  readonly kind?: 'timeseries' | 'stat';
  /** Of 24 columns; 12 unless said. */
  readonly width?: number;
  readonly queries: readonly Query[];
  /** Value → word, where numbers stand for states. */
  readonly words?: Readonly<Record<string, string>>;
  /** From here on it is red. */
  readonly redFrom?: number;
}

export interface Dashboard {
  /** Of its file, and its address in Grafana. */
  readonly id: string;
  readonly title: string;
  readonly refresh: '5s' | '10s' | '30s';
  readonly from: string;
  readonly panels: readonly Panel[];
}

const COLUMNS = 24;
const HEIGHT = 8;
const DATASOURCE = { type: 'prometheus', uid: 'holdfast-prometheus' } as const;
/** Of the dashboard's format; later Grafanas bring older ones up to date themselves. */
const SCHEMA_VERSION = 39;

/** The whole file; the same for the same source, to the byte. */
export function dashboardText(dashboard: Dashboard): string {
  const { id, title, refresh, from } = dashboard;
  const whole = {
    uid: id,
    title: `Holdfast: ${title}`,
    tags: ['holdfast'],
    schemaVersion: SCHEMA_VERSION,
    editable: false,
    timezone: 'browser',
    refresh,
    time: { from, to: 'now' },
    templating: {
      list: [
        {
          name: 'instance',
          label: 'Instance',
          type: 'query',
          datasource: DATASOURCE,
          query: { query: 'label_values(holdfast_workers, instance)', refId: 'instances' },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: panelsOf(dashboard),
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

function panelsOf({ panels }: Dashboard): object[] {
  let x = 0;
  let y = 0;
  return panels.map((panel, index) => {
    const w = panel.width ?? COLUMNS / 2;
    if (x + w > COLUMNS) {
      x = 0;
      y += HEIGHT;
    }
    const gridPos = { x, y, w, h: HEIGHT };
    x += w;
    return panelOf(panel, index + 1, gridPos);
  });
}

function panelOf(panel: Panel, id: number, gridPos: object): object {
  const { title, about, unit, kind = 'timeseries', queries, words, redFrom } = panel;
  const steps = [
    { color: 'green', value: null },
    ...(redFrom === undefined ? [] : [{ color: 'red', value: redFrom }]),
  ];
  const mapped = Object.entries(words ?? {}).map(([value, text]) => [value, { text }]);
  return {
    id,
    type: kind,
    title,
    description: about,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit,
        thresholds: { mode: 'absolute', steps },
        mappings: mapped.length === 0 ? [] : [{ type: 'value', options: Object.fromEntries(mapped) }],
      },
      overrides: [],
    },
    options: kind === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] }, textMode: 'value_and_name' } : {},
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

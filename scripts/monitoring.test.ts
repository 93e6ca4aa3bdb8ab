// Rules, their unit tests, their page and the dashboards, held against docs/metrics.md (which metrics-are-documented.test.ts holds
// against a running service). The rules themselves are run by promtool: `npm run monitoring -- --rules`.
import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { OPERATIONS } from '../contract/src/operations.ts';
import { ALERT_FAULTS, NOT_CAUSED } from '../server/test/monitoring/alert-faults.ts';
import { DASHBOARDS } from './dashboards/dashboards.ts';
import { wrongWith } from './monitoring/check-queries.ts';

const root = path.join(import.meta.dir, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: {
    readonly summary: string;
    readonly description: string;
    readonly runbook_url: string;
  };
}
interface RuleTest {
  readonly input_series: readonly { readonly series: string }[];
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts?: unknown[] }[];
}

const yaml = (file: string) => Bun.YAML.parse(read(file)) as Record<string, unknown>;
const rulesPage = yaml('deploy/prometheus/rules/holdfast.yml') as { groups: { rules: Rule[] }[] };
const RULES = rulesPage.groups.flatMap(({ rules }) => rules);
const TESTS = readdirSync(path.join(root, 'deploy/prometheus/tests')).flatMap(
  (file) => (yaml(`deploy/prometheus/tests/${file}`) as { tests: RuleTest[] }).tests,
);
const PAGE = read('docs/operating.md');

/** As GitHub makes them of headings. */
const anchors = new Set(
  [...PAGE.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  ),
);

describe('alerts', () => {
  for (const { alert, expr, labels, annotations } of RULES) {
    test(`${alert} asks for what is exported, and links to its section`, () => {
      expect(wrongWith(expr)).toEqual([]);
      expect(['critical', 'warning', 'info']).toContain(labels.severity);
      expect(annotations.summary.length * annotations.description.length).toBeGreaterThan(0);
      const [page, anchor = ''] = annotations.runbook_url.split('#');
      expect(page).toBe('docs/operating.md');
      expect(anchor).toBe(`alert-${alert.toLowerCase()}`);
      expect(anchors.has(anchor)).toBe(true);
      const section = PAGE.split(`### Alert: ${alert}\n`)[1]?.split('\n###')[0] ?? '';
      expect(section.trimStart()).toStartWith(labels.severity);
    });

    test(`${alert} has a unit test in which it fires, one in which it does not, and its fault is caused`, () => {
      const own = TESTS.flatMap((one) => one.alert_rule_test).filter(({ alertname }) => alertname === alert);
      expect(own.some(({ exp_alerts }) => (exp_alerts?.length ?? 0) > 0)).toBe(true);
      const caused = ALERT_FAULTS.some(({ fires }) => fires.some((expected) => expected.alert === alert));
      expect(caused).toBe(NOT_CAUSED[alert] === undefined);
    });
  }

  test('every section of the page is about an alert that there is', () => {
    const sections = [...PAGE.matchAll(/^### Alert: (\w+)$/gm)].map(([, name]) => name as string);
    expect(sections.toSorted()).toEqual(RULES.map(({ alert }) => alert).toSorted());
  });

  test('unit tests feed series that are exported', () => {
    for (const { series } of TESTS.flatMap((one) => one.input_series)) expect(wrongWith(series)).toEqual([]);
  });

  test('routes that rules and the page name are routes', () => {
    const there = OPERATIONS.map(({ method, path: template }) => `${method} ${template}`);
    const named = [...PAGE.matchAll(/`(GET|POST|DELETE) (\/api[^`\s]*)`/g)].map(([, method, route = '']) => {
      const pattern = route.replaceAll(/\/(ID|SKU)(?=\/|$)/g, '/{}');
      return `${method} ${pattern}`;
    });
    const templates = there.map((route) => route.replaceAll(/\{\w+\}/g, '{}'));
    expect(named.filter((route) => !templates.includes(route))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
    for (const route of [
      'POST /api/v1/inventory/reserve',
      'POST /api/v1/checkout/confirm',
      'GET /healthz',
      'GET /readyz',
    ])
      expect(there).toContain(route);
  });
});

describe('dashboards', () => {
  for (const { title, panels } of DASHBOARDS) {
    for (const { title: panel, queries } of panels) {
      test(`${title} › ${panel} asks for what is exported`, () => {
        expect(queries.length).toBeGreaterThan(0);
        for (const { expr } of queries) expect(wrongWith(expr.replaceAll('$instance', 'x'))).toEqual([]);
      });
    }
  }
});

test('a metric, a label or a grouping that does not exist is noticed, and so is what is no PromQL', () => {
  expect(wrongWith('holdfast_nothing > 0')).toEqual(['holdfast_nothing is not exported']);
  expect(wrongWith('holdfast_store_up{shop="x"}')).toEqual(['holdfast_store_up has no label shop']);
  expect(wrongWith('sum by (route) (holdfast_store_up)')).toEqual(['nothing selected has the label route']);
  expect(wrongWith('reserve_duration_seconds')).toEqual(['reserve_duration_seconds is not exported']);
  expect(() => wrongWith('sum(')).toThrow('no PromQL');
});

// The three dashboards: the minute of a sale, the stores and the ledger, the process. scripts/monitoring.test.ts holds every
// query against docs/metrics.md.
import type { Dashboard, Query } from './dashboard.ts';

const OURS = 'instance=~"$instance"';
/** Long enough for four scrapes, short enough for the minute of a drop. */
const WINDOW = '1m';
const RESERVE = 'POST /api/v1/inventory/reserve';

const rate = (metric: string, labels = '') => `rate(${metric}{${OURS}${labels && `, ${labels}`}}[${WINDOW}])`;

/** Median, p95 and p99 of a histogram, by further labels. */
function quantiles(metric: string, labels = '', by = ''): Query[] {
  return [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (le${by && `, ${by}`}) (${rate(`${metric}_bucket`, labels)}))`,
    legend: `p${quantile * 100}${by && ` {{${by}}}`}`,
  }));
}

const mean = (metric: string, by: string): string =>
  `sum by (${by}) (${rate(`${metric}_sum`)}) / sum by (${by}) (${rate(`${metric}_count`)})`;

const SALE: Dashboard = {
  id: 'holdfast-sale',
  title: 'the minute of a sale',
  refresh: '5s',
  from: 'now-15m',
  panels: [
    {
      title: 'Stock left',
      about: 'Units that can be reserved now, by SKU. All instances see the same, so the lowest counts.',
      unit: 'short',
      queries: [{ expr: `min by (sku) (inventory_available{${OURS}})`, legend: '{{sku}}' }],
    },
    {
      title: 'Reservations that keep stock',
      about: 'Units of these come back if nobody confirms.',
      unit: 'short',
      queries: [{ expr: `max(active_reservations_count{${OURS}})`, legend: 'active and confirming' }],
    },
    {
      title: 'Reserve attempts',
      about: 'Everything that was asked, against what was accepted.',
      unit: 'reqps',
      queries: [
        { expr: `sum(${rate('reserve_requests_total')})`, legend: 'attempts' },
        { expr: `sum(${rate('reserve_requests_total', 'status="reserved"')})`, legend: 'accepted' },
      ],
    },
    {
      title: 'Refused, by reason',
      about: 'insufficient-stock is the end of a sale; unavailable and internal are ours to mend.',
      unit: 'reqps',
      queries: [
        {
          expr: `sum by (status) (${rate('reserve_requests_total', 'status!="reserved"')}) > 0`,
          legend: '{{status}}',
        },
      ],
    },
    {
      title: 'Turned away, by route',
      about: 'Answered 503 at once, because as many of the route were under way as may be.',
      unit: 'reqps',
      queries: [{ expr: `sum by (route) (${rate('holdfast_turned_away_total')}) > 0`, legend: '{{route}}' }],
    },
    {
      title: 'Confirmed, released, expired',
      about: 'How reservations end.',
      unit: 'reqps',
      queries: [
        {
          expr: `sum(${rate('holdfast_responses_total', 'route="POST /api/v1/checkout/confirm", status="200"')})`,
          legend: 'confirmed',
        },
        {
          expr: `sum(${rate('holdfast_responses_total', 'route=~"DELETE /api/v1/reservations/.*", status="200"')})`,
          legend: 'released',
        },
        { expr: `sum(${rate('holdfast_reservations_expired_total')})`, legend: 'expired' },
      ],
    },
    {
      title: 'Time of a reserve',
      about: 'Whatever the answer was.',
      unit: 's',
      redFrom: 0.5,
      queries: quantiles('reserve_duration_seconds'),
    },
    {
      title: 'Time of a request, p95 by route',
      about: 'Of all outcomes.',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (le, route) (${rate('holdfast_request_duration_seconds_bucket')}))`,
          legend: '{{route}}',
        },
      ],
    },
    {
      title: 'Failed requests',
      about: 'The share of 5xx among all answers but those of the probes.',
      unit: 'percentunit',
      redFrom: 0.5,
      queries: [
        {
          expr:
            `sum by (route) (${rate('holdfast_request_duration_seconds_count', 'outcome="failed"')}) / ignoring (route) ` +
            `group_left sum(${rate('holdfast_request_duration_seconds_count', 'route!~"GET /(healthz|readyz)"')})`,
          legend: '{{route}}',
        },
      ],
    },
    {
      title: 'Wait for a batch',
      about: `Of a ${RESERVE} in the queue to Redis. Long waits with quick calls of Redis: one process is at its limit.`,
      unit: 's',
      queries: quantiles('holdfast_queue_seconds', 'call="reserve"'),
    },
    {
      title: 'Commands a batch',
      about: '128 is the most.',
      unit: 'short',
      redFrom: 120,
      queries: [{ expr: mean('holdfast_batch_commands', 'call'), legend: '{{call}}' }],
    },
  ],
};

const STORES: Dashboard = {
  id: 'holdfast-stores',
  title: 'stores and ledger',
  refresh: '10s',
  from: 'now-1h',
  panels: [
    {
      title: 'Stores',
      about: 'Whether both answer.',
      unit: 'short',
      kind: 'stat',
      width: 6,
      words: { '0': 'away', '1': 'answers' },
      queries: [{ expr: `min by (store) (holdfast_store_up{${OURS}})`, legend: '{{store}}' }],
    },
    {
      title: 'Breakers',
      about: 'Open: customers are refused at once.',
      unit: 'short',
      kind: 'stat',
      width: 6,
      words: { '0': 'closed', '1': 'half-open', '2': 'open' },
      redFrom: 1,
      queries: [{ expr: `max by (store) (holdfast_breaker_state{${OURS}})`, legend: '{{store}}' }],
    },
    {
      title: 'Invariants that do not hold',
      about: 'Differences seen in the last 15 minutes and not repaired.',
      unit: 'short',
      kind: 'stat',
      width: 6,
      redFrom: 1,
      queries: [
        { expr: `max by (invariant) (holdfast_invariant_violations{${OURS}})`, legend: '{{invariant}}' },
      ],
    },
    {
      title: 'Last look at everything',
      about: 'Seconds since the reconciler had looked at all sales.',
      unit: 's',
      kind: 'stat',
      width: 6,
      redFrom: 600,
      queries: [
        { expr: `time() - max(holdfast_reconcile_last_run_seconds{${OURS}})`, legend: 'since the last look' },
      ],
    },
    {
      title: 'Calls of Redis, p95',
      about: 'Those that customers wait for; 0.25 s is their limit.',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (le, call) (${rate('holdfast_store_call_seconds_bucket', 'store="redis"')}))`,
          legend: '{{call}}',
        },
      ],
    },
    {
      title: 'Calls of PostgreSQL, p95',
      about: 'With the wait for a connection.',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (le, call) (${rate('holdfast_store_call_seconds_bucket', 'store="postgresql"')}))`,
          legend: '{{call}}',
        },
      ],
    },
    {
      title: 'Journal behind, seconds',
      about: 'Age of the oldest transition that only Redis has.',
      unit: 's',
      redFrom: 10,
      queries: [{ expr: `max(holdfast_ledger_writer_lag_seconds{${OURS}})`, legend: 'behind' }],
    },
    {
      title: 'Journal behind, transitions',
      about: 'At 200,000 of one sale its reserves are refused.',
      unit: 'short',
      redFrom: 50_000,
      queries: [{ expr: `max(holdfast_ledger_writer_lag_entries{${OURS}})`, legend: 'behind' }],
    },
    {
      title: 'Written and sealed',
      about: 'Rows a second.',
      unit: 'short',
      queries: [
        { expr: `sum(${rate('holdfast_transitions_journaled_total')})`, legend: 'written' },
        { expr: `sum(${rate('holdfast_journal_rows_sealed_total')})`, legend: 'sealed' },
      ],
    },
    {
      title: 'Expiry behind',
      about: 'Up to 0.6 s is nothing but the interval of looks.',
      unit: 's',
      redFrom: 5,
      queries: [{ expr: `max(holdfast_expiry_lag_seconds{${OURS}})`, legend: 'behind' }],
    },
    {
      title: 'Tried again',
      about: 'By place; bounded at a tenth of the traffic.',
      unit: 'reqps',
      queries: [{ expr: `sum by (where) (${rate('holdfast_retries_total')})`, legend: '{{where}}' }],
    },
    {
      title: 'Lost, repaired, opened',
      about: 'In five minutes: answers reservation-lost, sales made good, breakers that opened.',
      unit: 'short',
      queries: [
        { expr: `sum(increase(holdfast_reservations_lost_total{${OURS}}[5m]))`, legend: 'lost' },
        {
          expr: `sum by (what) (increase(holdfast_reconcile_repairs_total{${OURS}}[5m]))`,
          legend: 'repaired by {{what}}',
        },
        {
          expr: `sum by (store) (increase(holdfast_breaker_opened_total{${OURS}}[5m]))`,
          legend: 'breaker of {{store}} opened',
        },
      ],
    },
  ],
};

const PROCESS: Dashboard = {
  id: 'holdfast-process',
  title: 'the processes',
  refresh: '30s',
  from: 'now-3h',
  panels: [
    {
      title: 'Workers',
      about: 'Processes that serve, by instance.',
      unit: 'short',
      queries: [{ expr: `holdfast_workers{${OURS}}`, legend: '{{instance}}' }],
    },
    {
      title: 'Restarts',
      about: 'Workers that ended by themselves, in ten minutes.',
      unit: 'short',
      redFrom: 3,
      queries: [{ expr: `increase(holdfast_worker_restarts_total{${OURS}}[10m])`, legend: '{{instance}}' }],
    },
    {
      title: 'Processor',
      about: 'Cores in use. One a worker is all there is.',
      unit: 'short',
      queries: [{ expr: rate('holdfast_process_cpu_seconds_total'), legend: '{{instance}}' }],
    },
    {
      title: 'Memory',
      about: 'Resident, all processes of an instance together.',
      unit: 'bytes',
      queries: [{ expr: `holdfast_process_resident_memory_bytes{${OURS}}`, legend: '{{instance}}' }],
    },
    {
      title: 'Event loop late',
      about: 'The longest since the last scrape, of the worst process.',
      unit: 's',
      redFrom: 0.2,
      queries: [{ expr: `holdfast_event_loop_delay_seconds{${OURS}}`, legend: '{{instance}}' }],
    },
    {
      title: 'Age',
      about: 'Since the longest running process started.',
      unit: 's',
      queries: [{ expr: `time() - holdfast_process_start_time_seconds{${OURS}}`, legend: '{{instance}}' }],
    },
    {
      title: 'Responses by status',
      about: 'All routes.',
      unit: 'reqps',
      queries: [{ expr: `sum by (status) (${rate('holdfast_responses_total')})`, legend: '{{status}}' }],
    },
    {
      title: 'Requests out of time',
      about: 'In five minutes. Not 0: starved of processor time.',
      unit: 'short',
      redFrom: 1,
      queries: [{ expr: `increase(holdfast_request_timeouts_total{${OURS}}[5m])`, legend: '{{instance}}' }],
    },
  ],
};

export const DASHBOARDS: readonly Dashboard[] = [SALE, STORES, PROCESS];

// Plays every fault against a Prometheus that watches, and waits for each alert; bounded in time.
import { freePort } from '../../src/embedded/free-port.ts';
import { Stage } from '../faults/stage.ts';
import { until } from '../harness/until.ts';
import { ALERT_FAULTS, type Expected, NOT_CAUSED } from './alert-faults.ts';
import { type Firing, Prometheus } from './prometheus.ts';

export interface Row {
  readonly alert: string;
  readonly what: string;
  /** From the fault's beginning to the alert; undefined if it did not come. */
  readonly seconds: number | undefined;
}

export interface Watched {
  readonly rows: readonly Row[];
  /** What went wrong beside alerts that did not fire. */
  readonly problems: readonly string[];
}

const FIRES_WITHIN_MS = 60_000;
const QUIET_FOR_MS = 6_000;
const WORKERS = 2;

export async function playAlerts(
  program: string,
  rulesFile: string,
  say: (line: string) => void,
): Promise<Watched> {
  const rows: Row[] = [];
  const problems: string[] = [];
  const metricsPort = await freePort();
  const stage = await Stage.open({
    services: 1,
    workers: WORKERS,
    proxied: ['postgres'],
    env: () => ({ HOLDFAST_METRICS_PORT: String(metricsPort) }),
    seed: 1,
  });
  let prometheus: Prometheus | undefined;
  try {
    prometheus = await Prometheus.start(program, rulesFile, metricsPort);
    const watch = prometheus;
    problems.push(...(await uncovered(watch)));
    await Bun.sleep(QUIET_FOR_MS);
    for (const { alert } of await watch.firing()) problems.push(`${alert} fires without a fault`);
    for (const { what, fires, cause } of ALERT_FAULTS) {
      say(what);
      const before = await watch.firing();
      for (const expected of fires)
        if (comes(before, expected)) problems.push(`${named(expected)} fires before its fault: ${what}`);
      const beganAtMs = performance.now();
      const waits = fires.map(async (expected): Promise<Row> => {
        const isThere = async () => comes(await watch.firing(), expected);
        const came = await until(expected.alert, isThere, FIRES_WITHIN_MS).then(
          () => true,
          () => false,
        );
        const seconds = came ? (performance.now() - beganAtMs) / 1000 : undefined;
        return { alert: named(expected), what, seconds };
      });
      const all = Promise.all(waits);
      try {
        await cause(stage, all);
      } catch (error) {
        problems.push(`${what}: ${(error as Error).message}`);
      }
      rows.push(...(await all));
    }
  } finally {
    await prometheus?.stop();
    await stage.close();
  }
  return { rows, problems };
}

function comes(firing: readonly Firing[], { alert, labels = {} }: Expected): boolean {
  return firing.some(
    (one) =>
      one.alert === alert && Object.entries(labels).every(([name, value]) => one.labels[name] === value),
  );
}

function named({ alert, labels }: Expected): string {
  return labels === undefined ? alert : `${alert}{${Object.entries(labels).map(([k, v]) => `${k}=${v}`)}}`;
}

/** Rules that no fault is meant for. */
async function uncovered(prometheus: Prometheus): Promise<string[]> {
  const meant = new Set(ALERT_FAULTS.flatMap(({ fires }) => fires.map(({ alert }) => alert)));
  return (await prometheus.rules())
    .filter((rule) => !meant.has(rule) && NOT_CAUSED[rule] === undefined)
    .map((rule) => `nothing here causes ${rule}`);
}

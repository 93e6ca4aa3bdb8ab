// A real Prometheus that scrapes one service every second, with the rules of this repository. Waits (`for:`) of up to a minute
// are one second here, so that a run takes minutes: their true length is what the rules' unit tests hold. Nothing else of a
// rule is changed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../src/embedded/free-port.ts';
import { temporaryFolder } from '../harness/stores.ts';
import { until } from '../harness/until.ts';

const READY_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 5_000;
const SHORT_WAIT = /^(\s+for: )(?:\d+s|1m)$/gm;

export interface Firing {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
}

export class Prometheus {
  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
  ) {}

  static async start(program: string, rulesFile: string, metricsPort: number): Promise<Prometheus> {
    const folder = temporaryFolder('prometheus');
    const rules = path.join(folder, 'rules.yml');
    const config = path.join(folder, 'prometheus.yml');
    writeFileSync(rules, readFileSync(rulesFile, 'utf8').replace(SHORT_WAIT, '$11s'));
    writeFileSync(
      config,
      `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: ['${rules}']
scrape_configs: [{ job_name: holdfast, static_configs: [{ targets: ['127.0.0.1:${metricsPort}'] }] }]
`,
    );
    const port = await freePort();
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ];
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    const started = new Prometheus(child, `http://127.0.0.1:${port}`);
    const isReady = () =>
      fetch(`${started.url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until('Prometheus is ready', isReady, READY_WITHIN_MS);
    return started;
  }

  /** The alerts that fire now. */
  async firing(): Promise<Firing[]> {
    const reply = await fetch(`${this.url}/api/v1/alerts`);
    const { data } = (await reply.json()) as {
      data: { alerts: { state: string; labels: Record<string, string> }[] };
    };
    return data.alerts
      .filter(({ state }) => state === 'firing')
      .map(({ labels }) => ({ alert: labels.alertname ?? '', labels }));
  }

  /** The names of all rules that it has loaded. */
  async rules(): Promise<string[]> {
    const reply = await fetch(`${this.url}/api/v1/rules`);
    const { data } = (await reply.json()) as { data: { groups: { rules: { name: string }[] }[] } };
    return data.groups.flatMap(({ rules }) => rules.map(({ name }) => name));
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    child.kill('SIGTERM');
    await once(child, 'exit');
    clearTimeout(timer);
  }
}

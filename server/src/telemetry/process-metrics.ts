// What a process costs: processor, memory, and how late its event loop runs. Few, and each of use: a full set of
// runtime internals would be most of what a scrape carries.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

/** How often the event loop's lateness is sampled. */
const LOOP_SAMPLE_MS = 20;

export function measureProcess(registry: Registry): void {
  let countedMicros = 0;
  new Counter({
    name: 'holdfast_process_cpu_seconds_total',
    help: 'Processor time of the service itself, all its processes together (stores not included).',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.inc((user + system - countedMicros) / 1e6);
      countedMicros = user + system;
    },
  });
  new Gauge({
    name: 'holdfast_process_resident_memory_bytes',
    help: 'Resident memory of the service itself, all its processes together (stores not included).',
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  const startedAtSeconds = Date.now() / 1000 - process.uptime();
  new Gauge({
    name: 'holdfast_process_start_time_seconds',
    help: 'When the longest running process of the service started, in Unix time.',
    registers: [registry],
    aggregator: 'min',
    collect() {
      this.set(startedAtSeconds);
    },
  });
  const delay = monitorEventLoopDelay({ resolution: LOOP_SAMPLE_MS });
  delay.enable();
  new Gauge({
    name: 'holdfast_event_loop_delay_seconds',
    help: 'The longest that an event loop was late since the last scrape, of the worst process.',
    registers: [registry],
    aggregator: 'max',
    collect() {
      this.set(Number.isFinite(delay.max) ? Math.max(0, delay.max / 1e9) : 0);
      delay.reset();
    },
  });
}

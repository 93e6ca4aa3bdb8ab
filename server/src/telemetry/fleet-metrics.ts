// The metrics of a whole service, added up over its processes. A counter never goes back while the service lives:
// what a process had counted when it was last asked stays in the sum after its end, and a process that does not
// answer in time counts with its last answer.
import { AggregatorRegistry } from 'prom-client';
import type { MetricsSnapshot } from './metrics.ts';

export class FleetMetrics {
  private readonly last = new Map<number, MetricsSnapshot>();
  private retired: MetricsSnapshot = [];

  /** The latest snapshot of a process, by its id. Without one its counts stay, and its levels are unknown. */
  note(pid: number, snapshot: MetricsSnapshot | undefined): void {
    this.last.set(pid, snapshot ?? this.last.get(pid)?.filter(isCount) ?? []);
  }

  /** The process has ended: its counts stay, its levels (memory, stock) end with it. */
  async retire(pid: number): Promise<void> {
    const counts = this.last.get(pid)?.filter(isCount) ?? [];
    this.last.delete(pid);
    if (counts.length === 0) return;
    // Taken before the first await: two retirements at once must not both start from the same sum.
    const before = this.retired;
    this.retired = [...before, ...counts];
    if (before.length > 0) await this.compact();
  }

  /** Everything in Prometheus's text format; the snapshots in the order in which their processes were noted. */
  async text(): Promise<string> {
    return AggregatorRegistry.aggregate([...this.all()]).metrics();
  }

  /** Folds the counts of ended processes into one snapshot, so that many restarts do not grow it. */
  private async compact(): Promise<void> {
    const summed = this.retired;
    const registry = AggregatorRegistry.aggregate(byProcess(summed));
    const compacted = await registry.getMetricsAsJSON();
    if (this.retired === summed) this.retired = compacted;
  }

  private all(): MetricsSnapshot[] {
    return [...byProcess(this.retired), ...this.last.values()];
  }
}

/** Only what is added up may outlive its process. */
function isCount(metric: MetricsSnapshot[number]): boolean {
  return `${metric.type}` === 'counter' || `${metric.type}` === 'histogram';
}

/** aggregate() adds metrics of one name over several snapshots: a list that names one twice is taken apart. */
function byProcess(metrics: MetricsSnapshot): MetricsSnapshot[] {
  return metrics.map((metric) => [metric]);
}

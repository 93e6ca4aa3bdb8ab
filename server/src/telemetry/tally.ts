// A count of what comes with every request: prom-client, which sorts and joins the labels of each increment, hears of it
// at a scrape.
import { Counter, type Registry } from 'prom-client';

export type Count = () => void;

interface Series {
  readonly labels: Record<string, string>;
  since: number;
  readonly count: Count;
}

export class Tally {
  private readonly series = new Map<string, Series>();

  constructor(
    name: string,
    help: string,
    private readonly labelNames: readonly string[],
    registry: Registry,
  ) {
    const { series } = this;
    new Counter<string>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        for (const one of series.values()) {
          this.inc(one.labels, one.since);
          one.since = 0;
        }
      },
    });
  }

  /** Counts one with these labels. Asking for it makes the series, at 0: an alert on its rate sees the first step too. */
  of(...values: readonly string[]): Count {
    const key = values.join('\n');
    let one = this.series.get(key);
    if (one === undefined) {
      const labels = Object.fromEntries(this.labelNames.map((label, i) => [label, values[i] ?? '']));
      const made: Series = {
        labels,
        since: 0,
        count: () => {
          made.since += 1;
        },
      };
      one = made;
      this.series.set(key, made);
    }
    return one.count;
  }
}

// The race in figures: what was asked and answered how often, and how long answers took.
import { type Exchange, type History, succeeded } from '@holdfast/client/history';
import { groupBy } from '@holdfast/client/stories';

export interface Latency {
  readonly verb: string;
  readonly answers: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Figures {
  readonly requests: number;
  /** Requests that got no answer. */
  readonly unanswered: number;
  /** `verb outcome` → how often; the outcome is a problem code, or what success means. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly rateLimited: number;
  readonly latencies: readonly Latency[];
}

const SUCCESS: Readonly<Record<string, string>> = {
  reserve: 'accepted',
  confirm: 'confirmed',
  release: 'released',
};

export function figuresOf(history: History): Figures {
  const outcomes = new Map<string, number>();
  for (const exchange of history.exchanges) {
    const name = `${exchange.operation} ${outcomeOf(exchange)}`;
    outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
  }
  const answered = history.exchanges.filter((exchange) => exchange.received !== undefined);
  return {
    requests: history.exchanges.length,
    unanswered: history.exchanges.length - answered.length,
    outcomes,
    rateLimited: answered.filter((exchange) => exchange.received?.status === 429).length,
    latencies: [...groupBy(answered, (exchange) => exchange.operation)].map(latencyOf),
  };
}

function outcomeOf(exchange: Exchange): string {
  const { received, operation } = exchange;
  if (received === undefined) return 'unanswered';
  if (!succeeded(exchange)) return received.code ?? String(received.status);
  return received.replayed ? 'replayed' : (SUCCESS[operation] ?? 'answered');
}

function latencyOf([verb, exchanges]: [string, readonly Exchange[]]): Latency {
  const sorted = Float64Array.from(
    exchanges,
    ({ sentAtMs, received }) => (received?.atMs ?? sentAtMs) - sentAtMs,
  ).sort();
  // Nearest rank: the smallest time that at least this share of the answers kept.
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return {
    verb,
    answers: sorted.length,
    p50Ms: rank(0.5),
    p95Ms: rank(0.95),
    p99Ms: rank(0.99),
    maxMs: rank(1),
  };
}

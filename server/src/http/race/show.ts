// What whoever watches a race is shown of it: each deed as it is done, as far as the reader keeps up, and how long they took.
import { MAX_EVENTS_A_LINE, type RaceEvent, type RaceQuantiles } from '@holdfast/contract/race';
import type { LineStream } from './line-stream.ts';
import type { Deed } from './shopper.ts';

/** How far the watcher has been told. */
export interface Show {
  told: number;
  readonly deeds: readonly Deed[];
}

/** As many lines as there is room for. */
export function tellDeeds(lines: LineStream, show: Show): void {
  while (show.told < show.deeds.length && lines.hasRoom) {
    const some = show.deeds.slice(show.told, show.told + MAX_EVENTS_A_LINE);
    lines.write({ type: 'events', events: some.map(eventOf) });
    show.told += some.length;
  }
}

function eventOf({ shopper, what, sentAtMs, answeredAtMs, reservationId, outcome }: Deed): RaceEvent {
  return [shopper, what, sentAtMs, answeredAtMs, outcome.ok ? (reservationId ?? '') : outcome.code];
}

export function quantilesOf(deeds: readonly Deed[], what: Deed['what']): RaceQuantiles | null {
  const took = Float64Array.from(
    deeds.filter((deed) => deed.what === what),
    ({ sentAtMs, answeredAtMs }) => answeredAtMs - sentAtMs,
  ).sort();
  if (took.length === 0) return null;
  // Nearest rank: the smallest time that at least this share of the answers kept.
  const rank = (share: number) => {
    const ms = took[Math.max(0, Math.ceil(took.length * share) - 1)] ?? 0;
    return Math.round(ms * 100) / 100;
  };
  return { p50_ms: rank(0.5), p95_ms: rank(0.95), p99_ms: rank(0.99), max_ms: rank(1) };
}

// From attempt to order: how many came how far, and what became of the rest. Shares are of something that happened;
// where nothing did there is no share, and the page shows a dash rather than 0 %.
import type { Analytics } from '@holdfast/contract/analytics';

export type Counts = Analytics['funnel'];

export interface Stage {
  readonly name: 'Attempts' | 'Reserved' | 'Confirmed';
  readonly count: number;
  /** Of the stage before; null for the first, and after a stage that nobody reached. */
  readonly ofPrevious: number | null;
  /** Of the attempts. */
  readonly ofFirst: number | null;
}

export interface Refusals {
  readonly code: string;
  readonly count: number;
  /** Of all refusals. */
  readonly share: number;
}

export interface Resolutions {
  /** Of the reservations that have ended. */
  readonly confirmRate: number | null;
  readonly expiryRate: number | null;
  readonly releaseRate: number | null;
  readonly ended: number;
  readonly live: number;
}

/** A retry with its old key wants nothing new: attempts are counted without them. */
export function stagesOf({ attempts, replayed, reserved, confirmed }: Counts): Stage[] {
  const wishes = Math.max(0, attempts - replayed);
  const stage = (name: Stage['name'], count: number, previous: number | null): Stage => ({
    name,
    count,
    ofPrevious: previous === null ? null : share(count, previous),
    ofFirst: share(count, wishes),
  });
  return [
    stage('Attempts', wishes, null),
    stage('Reserved', reserved, wishes),
    stage('Confirmed', confirmed, reserved),
  ];
}

/** Most frequent first; codes that did not happen are left out. */
export function refusalsOf(refused: Readonly<Record<string, number>>): Refusals[] {
  const all = totalRefused(refused);
  return Object.entries(refused)
    .filter(([, count]) => count > 0)
    .sort(([a, countA], [b, countB]) => countB - countA || a.localeCompare(b))
    .map(([code, count]) => ({ code, count, share: count / all }));
}

export function totalRefused(refused: Readonly<Record<string, number>>): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0);
}

/** Live reservations are not in the rates: nobody knows yet how they end. */
export function resolutionsOf({ confirmed, expired, released, lost, live }: Counts): Resolutions {
  const ended = confirmed + expired + released + lost;
  return {
    confirmRate: share(confirmed, ended),
    expiryRate: share(expired, ended),
    releaseRate: share(released, ended),
    ended,
    live,
  };
}

/** A quotient of counts within 0…1; the counters of two stores may be a moment apart. */
function share(part: number, whole: number): number | null {
  return whole > 0 ? Math.min(1, part / whole) : null;
}

// Who comes in when more ask than can be answered. A refusal within milliseconds is worth more than an answer that its
// customer no longer waits for, and it must cost next to nothing: at three times saturation two of three get one.
//
// - Reserves are turned away first, before anything of them is read: while too many are in flight (admission.ts), while the
//   confirms are, or late in a turn of the event loop. For what is handled late in a turn was there at its beginning: it
//   has waited as long as the turn has lasted, and all others wait until it ends. One long turn is a burst, and soon over:
//   only where turns stay long (CoDel's distinction, RFC 8289) is there a queue that will not go away by itself.
// - Confirms come in before reserves do: who has stock goes first. Only where there is no room left are they refused.
// - Everything else counts by its own route (route-limits.ts).
// - The process about itself is asked in a rush above all: always answered.
import { type Operation, problemsOf } from '@holdfast/contract/operation';
import { confirm } from '@holdfast/contract/orders';
import type { Refusal } from '@holdfast/contract/problems';
import { reserve } from '@holdfast/contract/reservations';
import { Admission, CHANGES, CONFIRMS } from './admission.ts';
import { boundsOf } from './route-limits.ts';

/** Of one turn, so long for whoever comes; what then is left of it goes to those who are in, and to refusals. */
const TURN_MS = 25;
/** So long turns may be longer than that: a thousand who come at once are answered in less. */
const BURST_MS = 200;
/** After a rush no burst is given: it has not proven over before. */
const RUSH_ENDS_MS = 1_000;

export const TOO_MANY_WAIT: Refusal = {
  code: 'unavailable',
  detail: 'More ask than can be answered in time. Nothing was changed. Try again in a moment.',
  retryAfterSeconds: 1,
};

/** A route's part of the door. */
export interface Entry {
  /** Who comes now is turned away. */
  readonly isShut: boolean;
  /** Once a request is complete: a body that trickles in takes nobody's place. False: others have filled it meanwhile. */
  enter(): boolean;
  /** Once for every `enter` that was true. */
  leave(): void;
}

export interface Clock {
  nowMs(): number;
  /** Calls back when this turn of the event loop is over. */
  afterTurn(callback: () => void): void;
}

const CLOCK: Clock = { nowMs: () => performance.now(), afterTurn: (callback) => void setImmediate(callback) };

export class Door {
  private readonly reserves = new Admission(CHANGES);
  private readonly confirms = new Admission(CONFIRMS);
  private turnBeganMs = 0;
  private turnEndedMs = 0;
  private inTurn = false;
  /** Where the turns began that were all long up to now. */
  private longSinceMs = Number.POSITIVE_INFINITY;
  private lateMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly clock: Clock = CLOCK) {}

  /** Undefined for operations that are always answered. */
  entry(operation: Operation): Entry | undefined {
    if (operation.limit === 'none' || !problemsOf(operation).has('unavailable')) return undefined;
    if (operation === reserve) return entryOf(this.reserves, () => this.reservesAreShut());
    if (operation === confirm) return entryOf(this.confirms, ({ isCrammed }) => isCrammed);
    const isFull = (admission: Admission) => admission.isFull;
    return entryOf(new Admission(boundsOf(operation)), isFull, isFull);
  }

  private reservesAreShut(): boolean {
    return this.isLate() || this.reserves.isFull || this.confirms.isFull;
  }

  /** Looked at by each reserve: the first one of a turn begins it. */
  private isLate(): boolean {
    const nowMs = this.clock.nowMs();
    if (!this.inTurn) {
      this.inTurn = true;
      this.turnBeganMs = nowMs;
      // Where nobody came for a while, the long turns before it are another story.
      if (nowMs - this.turnEndedMs > TURN_MS) this.longSinceMs = Number.POSITIVE_INFINITY;
      this.clock.afterTurn(this.endTurn);
    }
    if (nowMs - this.turnBeganMs <= TURN_MS) return false;
    const long = nowMs - Math.min(this.longSinceMs, this.turnBeganMs) > BURST_MS;
    if (!long && nowMs - this.lateMs > RUSH_ENDS_MS) return false;
    this.lateMs = nowMs;
    return true;
  }

  private readonly endTurn = (): void => {
    this.inTurn = false;
    this.turnEndedMs = this.clock.nowMs();
    const long = this.turnEndedMs - this.turnBeganMs > TURN_MS;
    this.longSinceMs = long ? Math.min(this.longSinceMs, this.turnBeganMs) : Number.POSITIVE_INFINITY;
  };
}

type Look = (admission: Admission) => boolean;

/** Bounds of thousands: who is past the door comes in, and nothing is looked at twice. */
const never: Look = () => false;

/** `hasFilled`: looked at once more when a request is complete, for bounds so small that those who come together pass them. */
function entryOf(admission: Admission, isShut: Look, hasFilled = never): Entry {
  return {
    get isShut() {
      return isShut(admission);
    },
    enter() {
      if (hasFilled(admission)) return false;
      admission.enter();
      return true;
    },
    leave: () => admission.leave(),
  };
}

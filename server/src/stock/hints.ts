// Hints between processes: something about this customer's reservation has changed. A process in which customers watch
// their own reservations listens; every process that changes one says so over Redis Pub/Sub, gathered for a moment. A hint
// says nothing of what changed and may be lost: whoever hears it reads anew. While nobody listens anywhere, none is sent.
//
//   nobody listens ──a hint is there, and NUMSUB finds a listener──▶ sent every 50 ms ──a PUBLISH reached nobody──▶ back
import type { Redis } from 'ioredis';
import { HINT_CHANNEL } from './keys.ts';

/** Gathered for so long: below what a person notices, and one command for hundreds of reserves. */
const GATHER_MS = 50;
/** While nobody listens, hints wait this long for somebody who does; then they are dropped. */
const PROBE_MS = 1_000;
/** Kept at most, customers and reservations together: two seconds at full speed, 1 MB. Beyond it: "read all anew". */
const WAITING_MAX = 40_000;
/** Words of one message: 1,000 hints, some 50 kB. */
const MESSAGE_WORDS = 2_000;
/** A message that begins with it says that hints are missing. */
const ALL = '*';
/** A line on which nothing comes may be dead: asked this often while somebody listens. */
const PING_MS = 5_000;

/** Null: hints may have been missed; everything is to be read anew. */
export type HintEar = (customerKey: string | null, reservationId: string) => void;

export class Hints {
  private waiting: string[] = [];
  private missing = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Somebody listens, as far as is known. */
  private listened = false;
  private line: Redis | undefined;
  private pinging: ReturnType<typeof setInterval> | undefined;
  private stopped = false;

  constructor(private readonly redis: Redis) {}

  /** Costs the caller two pushes. */
  note(customerKey: string, reservationId: string): void {
    if (this.waiting.length < WAITING_MAX) this.waiting.push(customerKey, reservationId);
    else this.missing = true;
    if (this.timer === undefined) this.sendSoon();
  }

  /** From now on `ear` hears every hint, this process's own too; and null whenever some may have been missed. */
  listen(ear: HintEar): void {
    if (this.line !== undefined || this.stopped) return;
    this.listened = true;
    // What is subscribed to is subscribed to anew here, so that the ear hears of the gap.
    const line = this.redis.duplicate({ autoResubscribe: false });
    this.line = line;
    line.on('error', () => undefined); // the main connection says the same
    line.on('ready', () => {
      line.subscribe(HINT_CHANNEL).then(
        () => ear(null, ''),
        () => line.disconnect(true),
      );
    });
    line.on('message', (_channel: string, message: string) => tell(ear, message));
    this.pinging = setInterval(() => void line.ping().catch(() => undefined), PING_MS);
  }

  /** Nobody here is interested any more. */
  quiet(): void {
    clearInterval(this.pinging);
    this.line?.disconnect();
    this.line = undefined;
  }

  /** Again is safe. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.quiet();
  }

  private sendSoon(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.send(), this.listened ? GATHER_MS : PROBE_MS);
  }

  /** Never throws: what cannot be said is missing, and the next message says so. */
  private async send(): Promise<void> {
    const words = this.waiting;
    const missing = this.missing;
    this.waiting = [];
    this.missing = false;
    try {
      this.listened ||= await this.somebodyListens();
      if (this.listened) await this.publish(words, missing);
    } catch {
      this.missing = true;
    }
    this.timer = undefined;
    if (this.waiting.length > 0) this.sendSoon();
  }

  private async somebodyListens(): Promise<boolean> {
    const [, listeners] = (await this.redis.pubsub('NUMSUB', HINT_CHANNEL)) as [string, number];
    return Number(listeners) > 0;
  }

  private async publish(words: readonly string[], missing: boolean): Promise<void> {
    let reached = 0;
    for (let from = 0; from < words.length; from += MESSAGE_WORDS) {
      const some = words.slice(from, from + MESSAGE_WORDS);
      if (missing && from === 0) some.unshift(ALL);
      reached = await this.redis.publish(HINT_CHANNEL, some.join(' '));
    }
    this.listened = reached > 0 || this.line !== undefined;
  }
}

function tell(ear: HintEar, message: string): void {
  const words = message.split(' ');
  let at = 0;
  if (words[0] === ALL) {
    ear(null, '');
    at = 1;
  }
  for (; at + 1 < words.length; at += 2) ear(words[at] as string, words[at + 1] as string);
}

// The words of the library as the domain's types, and back. One to one with the headers of the functions in server/lua/.
import {
  packLines,
  type ReservationRecord,
  type ReservationState,
  unpackLines,
} from '../domain/reservation.ts';
import type {
  Cooldown,
  LedgerEntry,
  ReserveReply,
  SaleSettings,
  Transition,
  TransitionKind,
} from '../domain/sale-store.ts';

const ID_PREFIX = 'rsv_';

const STATE_OF: Readonly<Record<string, ReservationState>> = {
  A: 'active',
  C: 'confirming',
  F: 'confirmed',
  R: 'released',
  E: 'expired',
  L: 'lost',
};

const LETTER_OF: Readonly<Record<ReservationState, string>> = {
  active: 'A',
  confirming: 'C',
  confirmed: 'F',
  released: 'R',
  expired: 'E',
  lost: 'L',
};

/** Names inside Redis leave out the prefix that all of them share. */
export function shortId(reservationId: string): string {
  return reservationId.slice(ID_PREFIX.length);
}

export function longId(short: string): string {
  return ID_PREFIX + short;
}

/** "state customer createdSeq createdAt ttl deadline attempts extensions resolvedAt fingerprint lines" */
export function readRecord(short: string, packed: string): ReservationRecord {
  const [state, customer, seq, at, ttl, deadline, attempts, extensions, , print, lines] = packed.split(' ');
  const named = STATE_OF[state ?? ''];
  if (named === undefined || lines === undefined)
    throw new Error(`malformed record: ${JSON.stringify(packed)}`);
  return {
    reservationId: longId(short),
    customer: customer as string,
    state: named,
    createdSeq: Number(seq),
    createdAtMs: Number(at),
    ttlSeconds: Number(ttl),
    deadlineMs: Number(deadline),
    attempts: Number(attempts),
    extensions: Number(extensions),
    fingerprint: print as string,
    lines: unpackLines(lines),
  };
}

export function packRecord(record: ReservationRecord & { readonly resolvedAtMs: number | null }): string {
  return [
    LETTER_OF[record.state],
    record.customer,
    record.createdSeq,
    record.createdAtMs,
    record.ttlSeconds,
    record.deadlineMs,
    record.attempts,
    record.extensions,
    record.resolvedAtMs ?? 0,
    record.fingerprint,
    packLines(record.lines),
  ].join(' ');
}

/** The reply words of hf_reserve that need nothing of the command; `reserved` and `again` are read where it is at hand. */
export function readReserveWord(word: string, short: string, nowMs: number): ReserveReply {
  const space = word.indexOf(' ');
  const kind = space < 0 ? word : word.slice(0, space);
  const rest = space < 0 ? '' : word.slice(space + 1);
  switch (kind) {
    case 'replayed':
      return { kind, record: readRecord(short, rest) };
    case 'key-reused':
    case 'closed':
    case 'backlogged':
      return { kind };
    case 'rate-limited': {
      const [window, ms] = rest.split(' ');
      return { kind, window: window === 'address' ? 'address' : 'customer', retryAfterMs: Number(ms) };
    }
    case 'cooling-down': {
      const [ms, expirations, withinMs] = rest.split(' ').map(Number) as [number, number, number];
      return { kind, retryAfterMs: ms, cooldown: { expirations, minutes: withinMs / MINUTE_MS } };
    }
    case 'not-open':
      return { kind, opensAtMs: Number(rest), nowMs };
    case 'unknown-sku':
      return { kind, sku: rest };
    case 'limit-exceeded': {
      const [sku, limit, held] = rest.split(' ');
      return { kind, sku: sku as string, limit: Number(limit), held: Number(held) };
    }
    case 'short':
      return { kind, lines: rest.split(',').map(readShortLine) };
    default:
      throw new Error(`unknown reply of hf_reserve: ${JSON.stringify(kind)}`);
  }
}

function readShortLine(word: string): { sku: string; available: number; reserved: number } {
  const [sku, available, reserved] = word.split('*');
  return { sku: sku as string, available: Number(available), reserved: Number(reserved) };
}

const TRANSITION_KINDS: ReadonlySet<string> = new Set<TransitionKind>([
  'reserved',
  'extended',
  'confirming',
  'unpinned',
  'released',
  'expired',
]);

/** One stream entry, `<epoch>-<seq of the last>` with its packed transitions, oldest first. */
export function readStreamEntry(id: string, fields: readonly string[]): Transition[] {
  const [epoch, last] = id.split('-').map(Number) as [number, number];
  const { at, from, reserved, events } = fieldsOf(fields);
  const atMs = Number(at);
  if (reserved !== undefined) return readReserved(reserved, { epoch, seq: Number(from), atMs });
  const packed = (events as string).split('\n');
  return packed.map((event, i) => readEvent(event, { epoch, seq: last - packed.length + 1 + i, atMs }));
}

/** How a stream entry's fields are named by the library. */
function fieldsOf(fields: readonly string[]): Record<string, string | undefined> {
  const named: Record<string, string> = {};
  for (let i = 0; i < fields.length; i += 2) named[fields[i] as string] = fields[i + 1] as string;
  return named;
}

type Place = Pick<Transition, 'epoch' | 'seq' | 'atMs'>;

/**
 * What one hf_reserve call reserved: "= ttl deadline fingerprint lines", then "id customer" of each with that body, and the
 * next body. Each one's transition is its own first number.
 */
function readReserved(packed: string, first: Place): Transition[] {
  const words = packed.split(' ');
  const transitions: Transition[] = [];
  let body: Pick<Transition, 'lines' | 'ttlSeconds' | 'deadlineMs' | 'fingerprint'> | undefined;
  for (let i = 0; i < words.length; ) {
    if (words[i] === '=') {
      const [ttl, deadline, fingerprint, lines] = words.slice(i + 1, i + 5);
      if (lines === undefined) break;
      body = {
        lines: unpackLines(lines),
        ttlSeconds: Number(ttl),
        deadlineMs: Number(deadline),
        fingerprint: fingerprint as string,
      };
      i += 5;
    }
    const seq = first.seq + transitions.length;
    const [short, customer] = [words[i++], words[i++]];
    if (body === undefined || short === undefined || customer === undefined) {
      throw new Error(`malformed reservations: ${JSON.stringify(packed)}`);
    }
    transitions.push({
      ...first,
      ...body,
      seq,
      kind: 'reserved',
      reservationId: longId(short),
      createdSeq: seq,
      customer,
    });
  }
  return transitions;
}

/** "kind id createdSeq customer ttl deadline fingerprint lines" */
function readEvent(event: string, place: Place): Transition {
  const [kind, short, createdSeq, customer, ttl, deadline, print, lines] = event.split(' ');
  if (kind === undefined || !TRANSITION_KINDS.has(kind) || lines === undefined) {
    throw new Error(`malformed transition: ${JSON.stringify(event)}`);
  }
  return {
    ...place,
    kind: kind as TransitionKind,
    reservationId: longId(short as string),
    createdSeq: Number(createdSeq),
    customer: customer as string,
    lines: unpackLines(lines),
    ttlSeconds: Number(ttl),
    deadlineMs: Number(deadline),
    fingerprint: print as string,
  };
}

export function packEvent(t: Transition): string {
  return [
    t.kind,
    shortId(t.reservationId),
    t.createdSeq,
    t.customer,
    t.ttlSeconds,
    t.deadlineMs,
    t.fingerprint,
    packLines(t.lines),
  ].join(' ');
}

/** The six arguments of one entry for hf_apply. */
export function packEntry(entry: LedgerEntry): (string | number)[] {
  switch (entry.kind) {
    case 'confirmed':
    case 'refused':
    case 'expired':
      return [
        entry.seq,
        entry.kind,
        shortId(entry.reservationId),
        entry.createdSeq,
        entry.customer,
        packLines(entry.lines),
      ];
    case 'item-added':
      return [
        entry.seq,
        entry.kind,
        '',
        '',
        '',
        `${entry.sku} ${entry.total} ${entry.maxPerCustomer ?? '-'}`,
      ];
    case 'stock-changed':
      return [entry.seq, entry.kind, '', '', '', `${entry.sku} ${entry.delta} ${entry.operationId ?? '-'}`];
    case 'settings-changed':
      return [entry.seq, entry.kind, '', '', '', packSettings(entry.settings).join(' ')];
    case 'closed':
    case 'operator-release':
      return [entry.seq, entry.kind, '', '', '', ''];
  }
}

/** opens, closes, closed, cooldown */
export function packSettings({ opensAtMs, closesAtMs, closed, cooldown }: SaleSettings): string[] {
  return [String(opensAtMs ?? '-'), String(closesAtMs ?? '-'), closed ? '1' : '0', packCooldown(cooldown)];
}

const MINUTE_MS = 60_000;

/** "expirations*ms", or "-". */
export function packCooldown(cooldown: Cooldown | null): string {
  return cooldown === null ? '-' : `${cooldown.expirations}*${cooldown.minutes * MINUTE_MS}`;
}

/** Undefined in a sale that the store was given before there were cooldowns. */
export function readCooldown(packed: string | undefined): Cooldown | null {
  if (packed === undefined || packed === '-') return null;
  const [expirations, ms] = packed.split('*').map(Number) as [number, number];
  return { expirations, minutes: ms / MINUTE_MS };
}

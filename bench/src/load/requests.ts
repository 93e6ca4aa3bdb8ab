// Requests as bytes, all in one buffer and made before the clock starts: while it runs, sending one costs a write.
import { seededRandom } from '../../../server/test/harness/seeded-random.ts';
import { token } from '../../../server/test/harness/service.ts';
import { hotSale, poissonArrivals, type VisitKind } from '../arrivals.ts';
import type { Bytes } from './connection.ts';
import type { Order, Visits } from './order.ts';

/** The longest that any of them gets. */
const LONGEST = 1_024;
const GROW_BY = 16 * 1_024 * 1_024;
const ID_FIELD = Buffer.from('"reservation_id":"');
const ID_LENGTH = 'rsv_'.length + 22;
/** From the end of a confirm to the beginning of its id: the id, a quote and a brace. */
const ID_FROM_END = ID_LENGTH + 2;
/** Two digits and a brace end a reserve that says how long it lasts. */
const TTL_FROM_END = 3;
/** Of readers: most watch the item that they want. */
const OWN_SHARE = 0.1;
const PAGE_SHARE = 0.1;
const PAGE = 20;
const TTL = { min: 10, max: 99 };

/** Many requests in one buffer. */
export class Requests {
  private buffer = Buffer.alloc(GROW_BY);
  private readonly starts: number[] = [];
  private used = 0;

  add(text: string): void {
    if (this.used + LONGEST > this.buffer.length)
      this.buffer = Buffer.concat([this.buffer], this.buffer.length + GROW_BY);
    if (text.length > LONGEST) throw new Error('a request longer than any should be');
    this.starts.push(this.used);
    this.used += this.buffer.write(text, this.used, 'latin1');
  }

  get count(): number {
    return this.starts.length;
  }

  at(index: number): Bytes {
    const from = this.starts[index] as number;
    return { buffer: this.buffer, from, length: (this.starts[index + 1] ?? this.used) - from };
  }
}

/** All visits of an order: each has a first request, and a confirm may follow. */
export interface Script {
  readonly count: number;
  /** What the first request of each is called in the outcome. */
  readonly kinds: readonly VisitKind[];
  /** Of scheduled and open ones: when each begins, in ms from the start. */
  readonly atMs: Float64Array | undefined;
  first(visit: number): Bytes;
  /** The confirm that follows such an answer; undefined: the visit is over. */
  next(visit: number, status: number, answer: Buffer): Bytes | undefined;
}

export function writeScript(order: Order): Script {
  const { visits, pace, seed } = order;
  const atMs = pace.kind === 'open' ? poissonArrivals(pace.perSecond, pace.seconds, seed) : undefined;
  if (visits.kind === 'read') return readers(visits, seed, atMs);
  if (visits.kind === 'hot-sale') return ticketSale(visits, seed);
  return buyers(visits, seed, atMs);
}

function buyers(
  visits: Extract<Visits, { kind: 'reserve' }>,
  seed: number,
  atMs: Float64Array | undefined,
): Script {
  const { skus, choice, confirms, expireAtMs } = visits;
  const ttlSeconds = expireAtMs === undefined ? visits.ttlSeconds : TTL.max;
  const count = atMs?.length ?? visits.count;
  const random = seededRandom(seed);
  const desk = new Desk(seed);
  for (let i = 0; i < count; i++) {
    const chosen = choice.by === 'any' ? random() * skus.length : i / choice.each;
    desk.add(i, skus[Math.floor(chosen) % skus.length] as string, confirms, ttlSeconds);
  }
  const kind: VisitKind = confirms ? 'pair' : 'reserve';
  return {
    count,
    kinds: Array.from({ length: count }, () => kind),
    atMs,
    first: (visit) =>
      expireAtMs === undefined ? desk.reserve(visit) : lasting(desk.reserve(visit), expireAtMs),
    next: (visit, status, answer) => (confirms && status === 201 ? desk.confirm(visit, answer) : undefined),
  };
}

/** So that it ends at that moment, whenever it is sent. */
function lasting(request: Bytes, expireAtMs: number): Bytes {
  const seconds = Math.round((expireAtMs - Date.now()) / 1_000);
  const ttl = Math.min(TTL.max, Math.max(TTL.min, seconds));
  request.buffer.write(String(ttl), request.from + request.length - TTL_FROM_END, 'latin1');
  return request;
}

function readers(
  visits: Extract<Visits, { kind: 'read' }>,
  seed: number,
  atMs: Float64Array | undefined,
): Script {
  const { sale, skus } = visits;
  const count = atMs?.length ?? visits.count;
  const random = seededRandom(seed);
  const requests = new Requests();
  const kinds: VisitKind[] = [];
  for (let i = 0; i < count; i++) {
    const drawn = random();
    const kind = drawn < OWN_SHARE ? 'own' : drawn < OWN_SHARE + PAGE_SHARE ? 'page' : 'item';
    kinds.push(kind);
    if (kind === 'own') requests.add(get('/api/v1/reservations', token(customer(seed, i))));
    else if (kind === 'page') requests.add(get(`/api/v1/inventory?sale=${sale}&limit=${PAGE}`));
    else requests.add(get(`/api/v1/inventory/${skus[Math.floor(random() * skus.length)]}`));
  }
  return { count, kinds, atMs, first: (visit) => requests.at(visit), next: () => undefined };
}

function ticketSale(visits: Extract<Visits, { kind: 'hot-sale' }>, seed: number): Script {
  const { kinds, atMs } = hotSale(seed, visits.pace);
  const desk = new Desk(seed);
  const look = new Requests();
  look.add(get(`/api/v1/inventory/${visits.sku}`));
  for (const [i] of kinds.entries()) desk.add(i, visits.sku, true, undefined);
  return {
    count: kinds.length,
    kinds,
    atMs,
    first: (visit) => (kinds[visit] === 'item' ? look.at(0) : desk.reserve(visit)),
    next: (visit, status, answer) =>
      kinds[visit] === 'pair' && status === 201 ? desk.confirm(visit, answer) : undefined,
  };
}

/** Reserves, and the confirms that may follow them. */
class Desk {
  private readonly reserves = new Requests();
  private readonly confirms = new Requests();

  constructor(private readonly seed: number) {}

  add(index: number, sku: string, confirms: boolean, ttlSeconds: number | undefined): void {
    const bearer = token(customer(this.seed, index));
    const body = `{"sku":"${sku}","quantity":1${ttlSeconds === undefined ? '' : `,"ttl_seconds":${ttlSeconds}`}}`;
    this.reserves.add(
      post('/api/v1/inventory/reserve', bearer, body, `Idempotency-Key: key-${this.seed}-${index}\r\n`),
    );
    if (!confirms) return;
    const unknown = `{"reservation_id":"${'-'.repeat(ID_LENGTH)}"}`;
    this.confirms.add(post('/api/v1/checkout/confirm', bearer, unknown, ''));
  }

  reserve(visit: number): Bytes {
    return this.reserves.at(visit);
  }

  /** With the id that the answer to the reserve gave. */
  confirm(visit: number, answer: Buffer): Bytes {
    const request = this.confirms.at(visit);
    const id = answer.indexOf(ID_FIELD) + ID_FIELD.length;
    answer.copy(request.buffer, request.from + request.length - ID_FROM_END, id, id + ID_LENGTH);
    return request;
  }
}

function customer(seed: number, index: number): string {
  return `shopper-${seed}-${index}`;
}

function get(path: string, bearer?: string): string {
  const who = bearer === undefined ? '' : `Authorization: Bearer ${bearer}\r\n`;
  return `GET ${path} HTTP/1.1\r\nHost: bench\r\n${who}\r\n`;
}

function post(path: string, bearer: string, body: string, more: string): string {
  return (
    `POST ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${bearer}\r\n${more}` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

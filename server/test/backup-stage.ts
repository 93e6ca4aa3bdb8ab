// What the tests of backups share: customers who reserve, buy, release and let things expire without a pause while a backup is
// made, and what each of them must be told once it was brought back.
import { expect } from 'bun:test';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ReconcileReport } from '@holdfast/contract/reconcile';
import { Status } from '@holdfast/contract/status';
import { SQL } from 'bun';
import { runProgram } from '../src/embedded/run-program.ts';
import { idBytes } from '../src/ledger/columns.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { Caller, makeSale, operator, type Reply } from './harness/service.ts';
import { temporaryFolder } from './harness/stores.ts';
import { until } from './harness/until.ts';

const AUDIT = path.join(import.meta.dir, '../src/audit-main.ts');
const AUDIT_LIMIT_MS = 60_000;
const LOOPS = 10;
/** Stories of each fate before a moment, and after it. */
const ENOUGH = 15;
const ENOUGH_WITHIN_MS = 60_000;
const SHORT_TTL_SECONDS = 2;
const UNITS = 100_000;
/** Requests at a time when the customers come back. */
const AT_ONCE = 20;
/** Answers of one run of the reconciler. */
const PAGES_MAX = 50;
/** What one customer waits for, on a machine with much else to do. */
const ANSWERED_WITHIN_MS = 40_000;
const FATES = ['bought', 'released', 'kept', 'expires'] as const;

interface Story {
  readonly customer: string;
  readonly sku: string;
  readonly fate: (typeof FATES)[number];
  readonly reservationId: string;
  /** The 201 as it came, and the order. */
  readonly reserved: string;
  readonly ordered: string | null;
  /** Phase of the first request, and of the last answer. */
  readonly began: number;
  readonly ended: number;
}

/** Where the service and its ledger are now: both move. */
export interface Whereabouts {
  readonly url: () => string;
  readonly databaseUrl: () => string;
}

export class Customers {
  private readonly stories: Story[] = [];
  /** 0 before the moment that is brought back was chosen, 1 about then, 2 after it. */
  private phase = 0;
  private selling = true;
  private shoppers = 0;
  private loops: Promise<unknown> = Promise.resolve();
  private long: readonly string[] = [];
  private short = '';

  constructor(private readonly at: Whereabouts) {}

  /** Makes two sales and begins. Resolves when enough has happened. */
  async begin(): Promise<void> {
    const url = this.at.url();
    const [long, short] = [
      await makeSale(url, { a: UNITS, b: UNITS }),
      await makeSale(url, { c: UNITS }, { ttlSeconds: SHORT_TTL_SECONDS }),
    ];
    this.long = [long.sku('a'), long.sku('b')];
    this.short = short.sku('c');
    this.loops = Promise.all(Array.from({ length: LOOPS }, () => this.shop()));
    await this.untilEnough();
  }

  /** The moment is near. Resolves when the journal has everything that was acknowledged before. */
  async momentComes(): Promise<void> {
    this.phase = 1;
    const early = this.before();
    await until('the journal has what was acknowledged', () => this.journalHas(early), ENOUGH_WITHIN_MS);
  }

  /** The moment is over. Resolves when enough has happened since. */
  async momentIsOver(): Promise<void> {
    this.phase = 2;
    await this.untilEnough();
  }

  async stop(): Promise<void> {
    this.selling = false;
    await this.loops;
  }

  /** Those of before come back: each is told what was told then, and goes on from there. */
  async findEverythingBefore(): Promise<void> {
    const early = this.before();
    expect(early.length).toBeGreaterThanOrEqual(FATES.length * ENOUGH);
    await each(early, async ({ customer, sku, fate, reservationId, reserved, ordered }) => {
      const caller = new Caller(this.at.url(), customer);
      expect((await answered(() => caller.reserve({ [sku]: 1 }, customer))).text).toBe(reserved);
      const read = async () =>
        (await answered(() => caller.get(`/api/v1/reservations/${reservationId}`))).body;
      if (fate === 'expires')
        await until('it has expired', async () => (await read()).status === 'expired', ANSWERED_WITHIN_MS);
      const body = await read();
      if (fate === 'bought') {
        const order = await answered(() => caller.get(`/api/v1/orders/${body.order_id}`));
        expect(order.text).toBe(ordered as string);
        expect((await answered(() => caller.confirm(reservationId))).text).toBe(ordered as string);
      } else {
        const state = { released: 'released', kept: 'active', expires: 'expired' }[fate];
        expect([body.status, body.expires_at]).toEqual([state, JSON.parse(reserved).expires_at]);
      }
    });
  }

  /** Those of after have no order, and are told so. */
  async findNothingAfter(): Promise<void> {
    const late = this.stories.filter(({ began, fate }) => began === 2 && fate === 'bought');
    expect(late.length).toBeGreaterThanOrEqual(ENOUGH);
    await each(late, async ({ customer, reservationId, ordered }) => {
      const caller = new Caller(this.at.url(), customer);
      const { order_id } = JSON.parse(ordered ?? '');
      expect((await answered(() => caller.get(`/api/v1/orders/${order_id}`))).status).toBe(404);
      const again = await answered(() => caller.confirm(reservationId));
      expect([again.status, again.body.code]).toEqual([409, 'reservation-lost']);
    });
  }

  /** Somebody new gets a unit, and buys it. */
  async firstSale(): Promise<void> {
    const caller = new Caller(this.at.url(), `new-${crypto.randomUUID()}`);
    const held = await answered(() => caller.reserve({ [this.long[0] ?? '']: 1 }));
    expect(held.status).toBe(201);
    expect((await answered(() => caller.confirm(held.body.reservation_id))).status).toBe(200);
  }

  private async shop(): Promise<void> {
    for (let turn = 0; this.selling; turn += 1) {
      const fate = FATES[turn % FATES.length] ?? 'kept';
      const sku = fate === 'expires' ? this.short : (this.long[(turn >> 2) % this.long.length] ?? '');
      this.shoppers += 1;
      await this.live(`shopper-${this.shoppers}`, fate, sku);
    }
  }

  private async live(customer: string, fate: Story['fate'], sku: string): Promise<void> {
    const began = this.phase;
    const caller = new Caller(this.at.url(), customer);
    const held = await answered(() => caller.reserve({ [sku]: 1 }, customer));
    if (held.status !== 201) throw new Error(`not reserved: ${held.text}`);
    const reservationId = held.body.reservation_id;
    const order = fate === 'bought' ? await answered(() => caller.confirm(reservationId)) : null;
    if (order !== null && order.status !== 200) throw new Error(`not confirmed: ${order.text}`);
    if (fate === 'released') await answered(() => caller.release(reservationId));
    const ended = this.phase;
    const ordered = order?.text ?? null;
    this.stories.push({ customer, sku, fate, reservationId, reserved: held.text, ordered, began, ended });
  }

  private before(): Story[] {
    return this.stories.filter(({ ended }) => ended === 0);
  }

  private async untilEnough(): Promise<void> {
    const { phase } = this;
    const isEnough = (fate: Story['fate']) =>
      this.stories.filter((one) => one.fate === fate && one.began >= phase).length >= ENOUGH;
    await until('enough has happened', () => FATES.every(isEnough), ENOUGH_WITHIN_MS);
  }

  private async journalHas(wanted: readonly Story[]): Promise<boolean> {
    const rows = await ask<{ kind: string; id: Buffer }>(
      this.at.databaseUrl(),
      `SELECT kind, reservation_id AS id FROM holdfast.journal WHERE kind IN ('reserved', 'released')`,
    );
    const has = new Set(rows.map(({ kind, id }) => `${kind} ${Buffer.from(id).toString('hex')}`));
    return wanted.every(({ reservationId, fate }) => {
      const id = idBytes(reservationId).toString('hex');
      return has.has(`reserved ${id}`) && (fate !== 'released' || has.has(`released ${id}`));
    });
  }
}

/** Everything that Redis has is in the journal, as the service sees it. */
export async function untilJournaled(url: string): Promise<void> {
  await until('the journal has everything', async () => {
    const { status, text } = await operator(url).get('/api/v1/admin/status');
    return status === 200 && Status.parse(JSON.parse(text)).sales.every(({ ledger_lag }) => ledger_lag === 0);
  });
}

/** The reconciler has looked at everything and finds nothing wrong, in either store. */
export async function addsUp({ url, databaseUrl }: Whereabouts): Promise<void> {
  await untilJournaled(url());
  const sales = await until('every sale was looked at', async () => {
    const looked = await reconciled(url());
    return looked.length > 0 && looked.every(({ complete }) => complete) && looked;
  });
  expect(sales.flatMap(({ differences }) => differences)).toEqual([]);
  const ledger = new Ledger({ databaseUrl: databaseUrl() });
  try {
    for (const { saleNumber } of await ledger.lineages())
      expect(await ledger.verifySale(saleNumber)).toEqual([]);
  } finally {
    await ledger.close();
  }
}

/** A run that takes longer than an answer goes on: its cursor is followed, as `holdfast reconcile` does. */
async function reconciled(url: string): Promise<ReconcileReport['sales']> {
  const sales: ReconcileReport['sales'] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const body = cursor === null ? {} : { cursor };
    const reply = await answered(() => operator(url).post('/api/v1/admin/reconcile', body));
    expect(reply.status).toBe(200);
    const report = ReconcileReport.parse(JSON.parse(reply.text));
    sales.push(...report.sales);
    cursor = report.next_cursor;
    if (cursor === null) return sales;
  }
  throw new Error(`the run did not end within ${PAGES_MAX} answers`);
}

/** `holdfast audit head`. */
export async function auditHeads(databaseUrl: string): Promise<string> {
  // A rush is sealed page by page: right after its beginning there may be no end of a chain yet.
  return await until('the first rows are sealed', async () => {
    const { heads } = JSON.parse((await audit(databaseUrl, 'head', '--json')).text);
    return heads.length > 0 && (await audit(databaseUrl, 'head')).text;
  });
}

/** `holdfast audit verify --expect-head`: its exit code. */
export async function auditVerify(databaseUrl: string, noted: string): Promise<number | null> {
  const file = path.join(temporaryFolder('heads'), 'heads');
  await writeFile(file, noted);
  return (await audit(databaseUrl, 'verify', '--expect-head', file)).code;
}

export async function seals(databaseUrl: string): Promise<number> {
  const [row] = await ask<{ n: number }>(databaseUrl, 'SELECT count(*)::integer AS n FROM holdfast.seal');
  return row?.n ?? 0;
}

/** For the page that says how long it takes; nothing is asserted of it. */
export function tell(what: string, sinceMs: number): void {
  console.error(`${what}: ${((performance.now() - sinceMs) / 1_000).toFixed(2)} s`);
}

/** What is not "come again": whoever retries with the same key gets what there is to get. */
function answered(request: () => Promise<Reply>): Promise<Reply> {
  return until(
    'an answer other than 503',
    async () => {
      const reply = await request();
      return reply.status !== 503 && reply;
    },
    ANSWERED_WITHIN_MS,
  );
}

async function each<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...all];
  const take = async () => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) await act(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, take));
}

async function audit(
  databaseUrl: string,
  ...args: readonly string[]
): Promise<{ code: number | null; text: string }> {
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', DATABASE_URL: databaseUrl };
  const command = { file: process.execPath, args: [AUDIT, ...args], env };
  const { code, stdout, stderr } = await runProgram(command, { timeoutMs: AUDIT_LIMIT_MS });
  if (code !== 0 && code !== 1) throw new Error(`the audit could not run: ${stderr}`);
  return { code, text: stdout };
}

async function ask<T>(databaseUrl: string, statement: string): Promise<T[]> {
  const sql = new SQL(databaseUrl, { max: 1 });
  try {
    return (await sql.unsafe(statement)) as T[];
  } finally {
    await sql.close();
  }
}

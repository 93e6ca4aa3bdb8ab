// In the first minute of the first drop PostgreSQL has no statistics of the journal yet, or ones from when it was empty, and
// plans by guesses. What is read all along, and while customers wait, meets its rows by key all the same.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { customerKeyOf, reservationIdOf } from '../src/ledger/columns.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import { until } from './harness/until.ts';
import { item, type LedgerStage, ledgerSessions, ledgerStage, makeSale } from './ledger-stage.ts';
import { grantEpoch } from './seal-stage.ts';

/** Reserved, and then as many expired: of each reservation two rows of the journal. */
const RESERVATIONS = 100_000;
const TRANSITIONS_PAGE = 2_000;
const SEALED_PAGE = 500;
const SUMMED_PAGE = 2_000;
/** For one page of an operator's search, where nothing fits. */
const LOOKED_THROUGH = 50_000;

let stage: LedgerStage;
let sale: number;
let epoch: number;
/** Of the stage itself. */
let sessions: number;

beforeAll(async () => {
  stage = await ledgerStage();
  sale = await makeSale(stage, [item('YOUNG', RESERVATIONS)]);
  epoch = await grantEpoch(stage.ledger, sale);
  await stage.sql`ALTER TABLE holdfast.journal SET (autovacuum_enabled = false)`;
  await stage.sql`
    INSERT INTO holdfast.journal (sale, source, epoch, seq, kind, at_ms, reservation_id, created_seq, customer, lines,
                                  ttl_seconds, deadline_ms, fingerprint)
    SELECT ${sale}::integer, 'r', ${epoch}::integer, round * ${RESERVATIONS}::integer + i,
           CASE round WHEN 0 THEN 'reserved' ELSE 'expired' END, 1700000000000 + round * ${RESERVATIONS}::integer + i,
           decode(md5(i::text), 'hex'), i, decode(md5('c' || i), 'hex'), 'YOUNG*1', 10, 1700000000000, 'f'
    FROM generate_series(0, 1) AS round, generate_series(1, ${RESERVATIONS}::integer) AS i`;
  sessions = (await ledgerSessions(stage.sql)).length;
}, 60_000);
afterAll(() => stage.close());

const id = () => reservationIdOf(Buffer.from(new Bun.CryptoHasher('md5').update('7').digest()));
const customer = () => customerKeyOf(Buffer.from(new Bun.CryptoHasher('md5').update('c7').digest()));
const page = { limit: 20, cursor: null };
const EVER = { fromMs: null, toMs: null };
const nobody = { saleNumber: null, sku: null, customer: null };

/** What is asked, of how many rows it is the answer. */
const READS: readonly (readonly [string, number, (ledger: Ledger) => Promise<unknown>])[] = [
  [
    'a page of transitions that began reservations',
    TRANSITIONS_PAGE,
    (ledger) => ledger.checkTransitions(sale, { epoch, seq: RESERVATIONS / 2 }, TRANSITIONS_PAGE),
  ],
  [
    'a page of transitions that ended them',
    TRANSITIONS_PAGE,
    (ledger) =>
      ledger.checkTransitions(sale, { epoch, seq: RESERVATIONS + RESERVATIONS / 2 }, TRANSITIONS_PAGE),
  ],
  ['the span of an epoch', 2, (ledger) => ledger.epochSpan(sale, epoch)],
  ['the stock as of an entry', 1, (ledger) => ledger.stockAt(sale, 0)],
  ['the last transition', 1, (ledger) => ledger.lastTransition(sale)],
  ['transitions to do again', 500, (ledger) => ledger.transitionsAfter(sale, RESERVATIONS, 500)],
  ['a reservation', 2, (ledger) => ledger.reservation(id())],
  ['a customer’s reservations', 2, (ledger) => ledger.reservationsOf(customer(), page)],
  [
    'a page of everybody’s reservations',
    LOOKED_THROUGH,
    (ledger) => ledger.findReservations({ ...nobody, status: null }, page),
  ],
  [
    'a page of a sale’s reservations',
    LOOKED_THROUGH,
    (ledger) => ledger.findReservations({ ...nobody, saleNumber: sale, status: 'expired' }, page),
  ],
  [
    'a page of a customer’s, for an operator',
    2,
    (ledger) => ledger.findReservations({ ...nobody, customer: customer(), status: null }, page),
  ],
  [
    'a page of the audit',
    5_000,
    (ledger) => ledger.findEntries({ ...nobody, ...EVER, reservationId: null }, page),
  ],
  [
    'a reservation’s history',
    2,
    (ledger) => ledger.findEntries({ ...nobody, ...EVER, reservationId: id() }, page),
  ],
  [
    'the analytics of a minute',
    5_000,
    (ledger) => ledger.readActivity(sale, { grain: 1, fromS: 1_700_000_000, toS: 1_700_000_060 }, [], []),
  ],
  ['entries after the newest', 1, (ledger) => ledger.entriesAfter(sale, 1, 500)],
  ['an order of a reservation', 1, (ledger) => ledger.orderOfReservation(id(), null)],
  ['a customer’s orders', 1, (ledger) => ledger.ordersOf(customer(), page)],
  ['the chains to seal', 2, (ledger) => ledger.unsealedChains()],
  ['a page to seal', SEALED_PAGE, (ledger) => ledger.sealNext({ saleNumber: sale, source: 'r' })],
  ['the parts to sum up', 2, (ledger) => ledger.unsummarised()],
  [
    'a page to sum up',
    SUMMED_PAGE,
    (ledger) => ledger.summarise({ saleNumber: sale, source: 'r', epoch, complete: false }),
  ],
];
/** Rows and entries of indexes read for a row of the answer, and for any question: its sale, its items, its marks. */
const FOR_A_ROW = 8;
const FOR_ANY = 100;

for (const [what, rows, ask] of READS) {
  test(`${what} is read by key`, async () => {
    const before = await entriesRead();
    const ledger = new Ledger({ databaseUrl: stage.url });
    await ask(ledger).finally(() => ledger.close());
    expect((await entriesRead()) - before).toBeLessThanOrEqual(rows * FOR_A_ROW + FOR_ANY);
  });
}

/** So far, by sessions that have ended: a session tells what it read when it ends. */
async function entriesRead(): Promise<number> {
  await until('the sessions have ended', async () => (await ledgerSessions(stage.sql)).length <= sessions);
  const [row] = await stage.sql`
    SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE schemaname = 'holdfast')
         + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'holdfast') AS read`;
  return Number(row.read);
}

// Sealing while the service lives: beside appends and confirmations, by two sealers at once, over losses and new epochs.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Chain } from '../src/domain/journal-chain.ts';
import { Audit } from '../src/ledger/audit.ts';
import { Ledger } from '../src/ledger/ledger.ts';
import type { SealStep } from '../src/ledger/seal.ts';
import { untilConnected } from '../src/stock/connect.ts';
import { sealer } from '../src/workers/sealer.ts';
import { announced } from './conformance/seed.ts';
import { openRooms, openSale } from './harness/rooms.ts';
import { freshDatabase, startRedis } from './harness/stores.ts';
import { until } from './harness/until.ts';
import { Dice, item, makeSale, request } from './ledger-stage.ts';
import {
  grantEpoch,
  moved,
  type SealStage,
  sealChain,
  sealedSale,
  sealSale,
  sealStage,
  sealsOf,
} from './seal-stage.ts';

const { parameters, label } = announced(1);

let stage: SealStage;

beforeAll(async () => {
  stage = await sealStage();
});

afterAll(() => stage.close());

describe('what is sealed', () => {
  test('is-a-gapless-prefix: rows that overtake a missing one wait for it, or for the end of its epoch', async () => {
    const { ledger } = stage;
    const sale = await makeSale(stage, [item('PREFIX', 5)]);
    const chain: Chain = { saleNumber: sale, source: 'r' };
    const epoch = await grantEpoch(ledger, sale);
    await ledger.appendTransitions(sale, epoch, moved(stage, sale, epoch, 1, 3));
    await ledger.appendTransitions(sale, epoch, moved(stage, sale, epoch, 6, 8));
    expect(await ledger.sealNext(chain)).toEqual({
      rows: 3,
      more: false,
      stop: { why: 'missing', epoch, seq: 4 },
    });
    // An audit sees it before anything is sealed over it.
    expect((await stage.findings(sale)).words).toContain(`missing r ${epoch}:4`);
    // A new epoch is begun: its rebuild may still drain what the old store had left.
    const begun = await ledger.beginEpoch(sale);
    expect(await sealChain(ledger, chain)).toBe(0);
    await ledger.appendTransitions(sale, begun.epoch, moved(stage, sale, epoch, 4, 4));
    expect(await sealChain(ledger, chain)).toBe(1);
    // From its grant on nothing of the old epoch comes any more.
    await ledger.recordLineage(sale, begun.epoch, 'run repl');
    expect(await sealChain(ledger, chain)).toBe(3);
    expect(await sealsOf(stage, sale, 'r')).toEqual(['1:1-3', '1:4-4', '1:5-5 gap', '1:6-8']);
    await sealSale(ledger, sale);
    expect((await stage.findings(sale)).words).toEqual([]);
  });

  test('waits-for-no-row-lock and makes nobody wait', async () => {
    const sale = await sealedSale(stage);
    await stage.ledger.closeSale((await stage.ledger.saleByNumber(sale))?.id ?? '', 'operator-1');
    const holder = await stage.sql.reserve();
    try {
      await holder`BEGIN`;
      await holder`SELECT 1 FROM holdfast.sale WHERE number = ${sale} FOR UPDATE`;
      expect(await sealChain(stage.ledger, { saleNumber: sale, source: 'l' })).toBe(1);
    } finally {
      await holder`ROLLBACK`;
      holder.release();
    }
  });

  test('is-reported-apart-from-what-is-not-sealed-yet', async () => {
    const sale = await sealedSale(stage);
    await stage.ledger.appendTransitions(sale, 2, moved(stage, sale, 2, 31, 33));
    const { findings, chains } = await stage.audit.verify([sale], []);
    expect(findings).toEqual([]);
    expect(chains[1]?.unsealed).toEqual({ rows: 3, oldestAtMs: 1_700_000_000_031 });
    expect(await stage.ledger.unsealedChains()).toContainEqual({ saleNumber: sale, source: 'r' });
    await sealSale(stage.ledger, sale);
    expect(await stage.ledger.unsealedChains()).not.toContainEqual({ saleNumber: sale, source: 'r' });
  });
});

test(`two-sealers-never-fork-a-chain, with appends and confirmations running ${label}`, async () => {
  const dice = new Dice(parameters.seed);
  const other = new Ledger({ databaseUrl: stage.url });
  const { ledger } = stage;
  const sale = await makeSale(stage, [item('TWO', 1_000)]);
  const epoch = await grantEpoch(ledger, sale);
  const rows = 3_000;
  let writing = true;
  const write = async () => {
    for (let from = 1; from <= rows; ) {
      const through = Math.min(from + dice.roll(150), rows);
      await ledger.appendTransitions(sale, epoch, moved(stage, sale, epoch, from, through));
      const confirmed = [from, from + 1].map((seq) =>
        request(stage, sale, `c${seq}`, 'k', [{ sku: 'TWO', quantity: 1 }], seq),
      );
      await ledger.confirm(sale, epoch, confirmed);
      from = through + 1;
    }
    writing = false;
  };
  const lost = { races: 0 };
  const seal = async (by: Ledger) => {
    while (writing) {
      for (const source of ['r', 'l'] as const) {
        const step = await by.sealNext({ saleNumber: sale, source });
        if (step.more && step.rows === 0) lost.races += 1;
      }
    }
  };
  await Promise.all([write(), seal(ledger), seal(other), seal(ledger), seal(other)]);
  await sealSale(other, sale);
  await other.close();
  const { findings, chains } = await stage.audit.verify([sale], []);
  expect(findings).toEqual([]);
  expect(chains.map(({ unsealed }) => unsealed.rows)).toEqual([0, 0]);
  expect(chains[1]).toMatchObject({ rows, gaps: [] });
  expect(lost.races).toBeGreaterThan(0);
});

test('a-loss-and-a-rebuild-leave-a-chain-that-verifies', async () => {
  const [redis, database] = [await startRedis(), await freshDatabase()];
  const rooms = await openRooms({ redisUrl: redis.url, databaseUrl: database.url });
  const audit = new Audit(database.url);
  try {
    const sale = await openSale(rooms, { LOSS: 50 });
    const journal = async () => {
      const channel = rooms.channels.of(sale);
      const waiting = await channel.store.pending(1_000);
      await rooms.ledger.appendTransitions(sale, channel.epoch, waiting);
      const last = waiting.at(-1);
      if (last) await channel.store.trim(last.seq, last.epoch);
    };
    for (let n = 0; n < 5; n++) await rooms.reserveOne(rooms.customer(`a${n}`), 'LOSS', 'k');
    await journal();
    await sealSale(rooms.ledger, sale);
    // These three never reach the journal: their numbers are given out again, in a new epoch.
    for (let n = 0; n < 3; n++) await rooms.reserveOne(rooms.customer(`b${n}`), 'LOSS', 'k');
    await rooms.redis.flushall();
    await rooms.reserveOne(rooms.customer('c'), 'LOSS', 'k');
    await journal();
    await sealSale(rooms.ledger, sale);
    // This one the rebuild finds in the stream of the store that restarted.
    await rooms.reserveOne(rooms.customer('d'), 'LOSS', 'k');
    await redis.stop();
    await redis.restart();
    await untilConnected(rooms.redis, 5_000);
    await rooms.reserveOne(rooms.customer('e'), 'LOSS', 'k');
    await journal();
    await sealSale(rooms.ledger, sale);
    const epochs = (await rooms.ledger.lineage(sale))?.epoch;
    expect(epochs).toBe(3);
    const report = await audit.verify([sale], []);
    expect(report.findings).toEqual([]);
    expect(report.chains.map(({ rows, unsealed }) => [rows, unsealed.rows])).toEqual([
      [2, 0],
      [8, 0],
    ]);
  } finally {
    await audit.close();
    await rooms.close();
    await redis.stop();
    await database.drop();
  }
});

describe('the sealer', () => {
  /** A ledger of so many chains, each with so many pages to seal, that notes whose turn it was. */
  class ManyChains {
    readonly served: number[] = [];
    readonly pages: Map<number, number>;
    constructor(
      chains: number,
      pages: number,
      private readonly step: () => Promise<Partial<SealStep>> = async () => ({}),
    ) {
      this.pages = new Map(Array.from({ length: chains }, (_, index) => [index + 1, pages]));
    }
    unsealedChains = async (): Promise<Chain[]> =>
      [...this.pages].filter(([, left]) => left > 0).map(([saleNumber]) => ({ saleNumber, source: 'r' }));
    sealNext = async ({ saleNumber }: Chain): Promise<SealStep> => {
      this.served.push(saleNumber);
      const left = (this.pages.get(saleNumber) ?? 0) - 1;
      this.pages.set(saleNumber, left);
      return { rows: 500, more: left > 0, stop: null, ...(await this.step()) };
    };
  }
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const leisure = { isNow: true, isCalm: true };

  test('seals-a-page-of-each-chain-in-turn', async () => {
    const ledger = new ManyChains(3, 2);
    let rows = 0;
    const worker = sealer({
      ledger,
      isOurTurn: () => true,
      leisure,
      log: silent,
      onSealed: (more) => (rows += more),
    });
    worker.start();
    await until('all is sealed', () => rows === 3_000);
    await worker.stop();
    await worker.stop();
    expect(ledger.served).toEqual([1, 2, 3, 1, 2, 3]);
  });

  test('goes-on-after-the-chain-at-which-its-time-was-up', async () => {
    const ledger = new ManyChains(4, 1_000, async () => {
      await Bun.sleep(100);
      return { more: false };
    });
    const worker = sealer({ ledger, isOurTurn: () => true, leisure, log: silent, onSealed: () => undefined });
    worker.start();
    await until('every chain was served', () => new Set(ledger.served).size === 4);
    await worker.stop();
    expect(ledger.served.slice(0, 4)).toEqual([1, 2, 3, 4]);
  });

  test('does-nothing-out-of-turn', async () => {
    const ledger = new ManyChains(1, 1);
    let asked = 0;
    const isOurTurn = () => {
      asked += 1;
      return false;
    };
    const worker = sealer({ ledger, isOurTurn, leisure, log: silent, onSealed: () => undefined });
    worker.start();
    await until('it has looked', () => asked > 0);
    await worker.stop();
    expect(ledger.served).toEqual([]);
  });

  test('pauses-after-each-page-while-the-process-is-busy', async () => {
    const begun: number[] = [];
    const took = 20;
    const ledger = new ManyChains(2, 4, async () => {
      begun.push(performance.now());
      await Bun.sleep(took);
      return {};
    });
    const busy = { isNow: true, isCalm: false };
    const worker = sealer({
      ledger,
      isOurTurn: () => true,
      leisure: busy,
      log: silent,
      onSealed: () => undefined,
    });
    worker.start();
    await until('all is sealed', () => ledger.served.length === 8);
    await worker.stop();
    const gaps = begun.slice(1).map((at, i) => at - (begun[i] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(3.5 * took);
  });

  test('seals-a-page-a-run-in-a-rush-and-the-rest-after-it', async () => {
    const ledger = new ManyChains(2, 5);
    let looks = 0;
    const rushes = {
      get isNow() {
        looks += 1;
        return looks > 2;
      },
      get isCalm() {
        return looks > 2;
      },
    };
    const worker = sealer({
      ledger,
      isOurTurn: () => true,
      leisure: rushes,
      log: silent,
      onSealed: () => undefined,
    });
    worker.start();
    await until('it has looked', () => looks === 1);
    await until('it has looked again', () => looks === 2);
    expect(ledger.served.length).toBeLessThanOrEqual(2);
    await until('the rush is over and all is sealed', () => ledger.served.length === 10);
    await worker.stop();
    expect(ledger.served.slice(0, 3)).toEqual([1, 2, 1]);
  });

  test('tells-once-of-a-row-that-does-not-come', async () => {
    const told: object[] = [];
    const log = { ...silent, error: (fields: object) => void told.push(fields) };
    const ledger = new ManyChains(1, 1_000, async () => ({
      rows: 0,
      more: false,
      stop: { why: 'missing', epoch: 3, seq: 12 },
    }));
    const worker = sealer({ ledger, isOurTurn: () => true, leisure, log, onSealed: () => undefined });
    worker.start();
    await until('it has looked three times', () => ledger.served.length >= 3);
    await worker.stop();
    expect(told).toEqual([{ sale: 1, source: 'r', epoch: 3, seq: 12 }]);
  });
});

test('100,000-rows-are-sealed-and-verified-in-seconds', async () => {
  const rows = 100_000;
  const sale = await makeSale(stage, [item('MANY', 1)]);
  const epoch = await grantEpoch(stage.ledger, sale);
  await stage.sql`
    INSERT INTO holdfast.journal
      (sale, source, epoch, seq, kind, at_ms, reservation_id, created_seq, customer, lines, ttl_seconds, deadline_ms,
       fingerprint)
    SELECT ${sale}, 'r', ${epoch}, seq, 'reserved', 1700000000000 + seq, decode(md5('r' || seq), 'hex'), seq,
           decode(md5('c' || seq), 'hex'), 'MANY*1', 300, 1700000300000 + seq, 'AAAAAAAAAAA'
    FROM generate_series(1, ${rows}) AS seq`;
  const beganAtMs = performance.now();
  const sealedRows = await sealChain(stage.ledger, { saleNumber: sale, source: 'r' });
  const sealedAtMs = performance.now();
  const { chains, findings } = await stage.audit.verify([sale], []);
  const verifiedAtMs = performance.now();
  const rate = (fromMs: number, toMs: number) =>
    Math.round(rows / ((toMs - fromMs) / 1000)).toLocaleString('en-US');
  console.log(
    `sealed ${rate(beganAtMs, sealedAtMs)} rows/s, verified ${rate(sealedAtMs, verifiedAtMs)} rows/s`,
  );
  expect(sealedRows).toBe(rows);
  expect(chains[1]).toMatchObject({ rows, seals: 200 });
  expect(findings).toEqual([]);
  expect(verifiedAtMs - beganAtMs).toBeLessThan(30_000);
});

// The form in which the journal is hashed, and where sealing stops: pure, over random rows and every kind of loss.
import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  type Chain,
  NO_HASH,
  type Place,
  planRuns,
  type RowDigest,
  RowForm,
  type SealHeader,
  sealHash,
  sealRun,
} from '../src/domain/journal-chain.ts';
import { announced } from './conformance/seed.ts';

const { parameters, label } = announced(2_000);
const R: Chain = { saleNumber: 7, source: 'r' };
const L: Chain = { saleNumber: 7, source: 'l' };

/** Few names and short values, so that rows nearly collide: what one column lacks another has. */
const row = fc.dictionary(
  fc.constantFrom('a', 'ab', 'b', 'seq', 'é', '__proto__'),
  fc.option(fc.stringMatching(/^[ab\0]{0,3}$/)),
  { noNullPrototype: false, maxKeys: 5 },
);
type Row = Record<string, string | null>;

function bytesOf(columns: Row): Buffer {
  const names = Object.keys(columns);
  const values = Object.values(columns).map((value) => (value === null ? null : Buffer.from(value)));
  return new RowForm(names).bytes(values);
}

/** What the form promises to tell apart: the columns that have a value, whatever their order. */
function meaning(columns: Row): string {
  return JSON.stringify(
    Object.entries(columns)
      .filter(([, value]) => value !== null)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

describe('the canonical form of a row', () => {
  test(`no-two-different-rows-share-bytes ${label}`, () => {
    fc.assert(
      fc.property(row, row, (one, other) => {
        expect(bytesOf(one).equals(bytesOf(other))).toBe(meaning(one) === meaning(other));
      }),
      parameters,
    );
  });

  test(`what-was-written-can-be-read-back ${label}`, () => {
    fc.assert(
      fc.property(row, (columns) => {
        expect(readBack(bytesOf(columns))).toBe(meaning(columns));
      }),
      parameters,
    );
  });

  test('a-column-added-later-changes-no-old-row', () => {
    expect(bytesOf({ seq: '1', detail: null, added: null })).toEqual(bytesOf({ seq: '1' }));
    expect(bytesOf({ seq: '1', added: '' })).not.toEqual(bytesOf({ seq: '1' }));
  });

  test('the-bytes-are-those-of-the-documentation', () => {
    // docs/audit.md shows this row.
    expect(bytesOf({ seq: '12', kind: 'closed', lines: null }).toString('hex')).toBe(
      [
        '00000002',
        '00000004',
        '6b696e64',
        '00000006',
        '636c6f736564',
        '00000003',
        '736571',
        '00000002',
        '3132',
      ].join(''),
    );
  });
});

/** The columns and values in canonical bytes. @throws if anything is left over */
function readBack(bytes: Buffer): string {
  let at = 4;
  const next = () => {
    const length = bytes.readUInt32BE(at);
    at += 4 + length;
    return bytes.toString('utf8', at - length, at);
  };
  const entries = Array.from({ length: bytes.readUInt32BE(0) }, () => [next(), next()]);
  expect(at).toBe(bytes.length);
  return JSON.stringify(entries);
}

describe('the hash of a seal', () => {
  const header: SealHeader & { previous: Uint8Array } = {
    position: 2,
    epoch: 1,
    fromSeq: 10,
    toSeq: 11,
    rowCount: 2,
    sealedAtMs: 1_700_000_000_000,
    previous: new Uint8Array(32).fill(9),
  };
  const digests = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

  test('is-that-of-the-documentation', () => {
    const expected = createHash('sha256')
      .update('holdfast seal 1\n7 r 2 1 10 11 2 1700000000000\n')
      .update(header.previous);
    for (const digest of digests) expected.update(digest);
    expect(Buffer.from(sealHash(R, header, digests))).toEqual(expected.digest());
  });

  test('depends-on-everything-in-it', () => {
    const hash = (changes: Partial<typeof header>, chain = R, rows = digests) =>
      Buffer.from(sealHash(chain, { ...header, ...changes }, rows)).toString('hex');
    const all = [
      hash({}),
      hash({}, L),
      hash({}, { ...R, saleNumber: 8 }),
      hash({}, R, [...digests].reverse()),
      hash({}, R, digests.slice(1)),
      hash({ position: 3 }),
      hash({ epoch: 2 }),
      hash({ fromSeq: 9 }),
      hash({ toSeq: 12 }),
      hash({ rowCount: 3 }),
      hash({ sealedAtMs: 1_700_000_000_001 }),
      hash({ previous: NO_HASH }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  test('links-each-seal-to-the-one-before', () => {
    const rows = rowsAt([1, 1], [1, 2]);
    const first = sealRun(R, { epoch: 1, fromSeq: 1, toSeq: 2, rows }, null, 1);
    const second = sealRun(R, { epoch: 1, fromSeq: 3, toSeq: 9, rows: [] }, first, 2);
    expect(first).toMatchObject({ position: 1, previous: NO_HASH, rowCount: 2 });
    expect(first.marks).toHaveLength(16);
    expect(second).toMatchObject({ position: 2, previous: first.hash, rowCount: 0 });
  });
});

function rowsAt(...places: [epoch: number, seq: number][]): RowDigest[] {
  return places.map(([epoch, seq]) => ({ epoch, seq, digest: new Uint8Array(32).fill(seq) }));
}

describe('sealing', () => {
  const cases: readonly {
    name: string;
    chain?: Chain;
    sealed?: Place;
    rows: [number, number][];
    granted: number | null;
    /** `epoch:from-to` of rows, `gap epoch:from-to`. */
    runs: string[];
    stop?: string;
  }[] = [
    {
      name: 'goes on where it stopped',
      sealed: at(1, 4),
      rows: [
        [1, 5],
        [1, 6],
      ],
      granted: 1,
      runs: ['1:5-6'],
    },
    {
      name: 'begins with the first number',
      rows: [
        [1, 1],
        [1, 2],
      ],
      granted: 1,
      runs: ['1:1-2'],
    },
    {
      name: 'waits for a number that is missing',
      rows: [
        [1, 1],
        [1, 3],
      ],
      granted: 1,
      runs: ['1:1-1'],
      stop: 'missing 1:2',
    },
    {
      name: 'waits for it right after what is sealed',
      sealed: at(1, 4),
      rows: [[1, 6]],
      granted: 1,
      runs: [],
      stop: 'missing 1:5',
    },
    {
      name: 'waits no longer when a later epoch was granted',
      rows: [
        [1, 1],
        [1, 4],
      ],
      granted: 2,
      runs: ['1:1-1', 'gap 1:2-3', '1:4-4'],
    },
    {
      name: 'goes on to an epoch that was granted',
      sealed: at(1, 4),
      rows: [
        [2, 5],
        [2, 6],
      ],
      granted: 2,
      runs: ['2:5-6'],
    },
    {
      name: 'skips epochs that were never granted',
      sealed: at(1, 4),
      rows: [[4, 5]],
      granted: 4,
      runs: ['4:5-5'],
    },
    {
      name: 'seals what an epoch skips as a gap',
      sealed: at(1, 4),
      rows: [[2, 9]],
      granted: 2,
      runs: ['gap 2:5-8', '2:9-9'],
    },
    {
      name: 'seals what the first epoch skips as a gap',
      rows: [[1, 3]],
      granted: 1,
      runs: ['gap 1:1-2', '1:3-3'],
    },
    {
      name: 'takes numbers that a new epoch gave out again',
      sealed: at(1, 4),
      rows: [
        [2, 3],
        [2, 4],
      ],
      granted: 2,
      runs: ['2:3-4'],
    },
    {
      name: 'does not go on before the grant',
      sealed: at(1, 4),
      rows: [[2, 5]],
      granted: 1,
      runs: [],
      stop: 'epoch-open 2:5',
    },
    {
      name: 'seals nothing of a sale that was never granted',
      rows: [[1, 1]],
      granted: null,
      runs: [],
      stop: 'epoch-open 1:1',
    },
    {
      name: 'takes what the rebuild drained of the epoch before',
      sealed: at(1, 4),
      rows: [[1, 5]],
      granted: 1,
      runs: ['1:5-5'],
    },
    {
      name: 'needs no grant for ledger entries',
      chain: L,
      rows: [
        [0, 1],
        [0, 2],
      ],
      granted: null,
      runs: ['0:1-2'],
    },
    {
      name: 'never takes a missing ledger entry for a gap',
      chain: L,
      sealed: at(0, 2),
      rows: [[0, 4]],
      granted: 5,
      runs: [],
      stop: 'missing 0:3',
    },
    {
      name: 'misses the first ledger entry too',
      chain: L,
      rows: [[0, 2]],
      granted: null,
      runs: [],
      stop: 'missing 0:1',
    },
    { name: 'has nothing to do without rows', sealed: at(1, 4), rows: [], granted: 2, runs: [] },
  ];
  for (const { name, chain = R, sealed = null, rows, granted, runs, stop } of cases) {
    test(name, () => {
      const plan = planRuns(chain, sealed, rowsAt(...rows), granted);
      const told = plan.runs.map(
        (run) => `${run.rows.length === 0 ? 'gap ' : ''}${run.epoch}:${run.fromSeq}-${run.toSeq}`,
      );
      expect(told).toEqual(runs);
      for (const run of plan.runs.filter((one) => one.rows.length > 0)) {
        expect(run.rows).toHaveLength(run.toSeq - run.fromSeq + 1);
      }
      expect(plan.stop && `${plan.stop.why} ${plan.stop.epoch}:${plan.stop.seq}`).toBe(stop ?? null);
    });
  }
});

function at(epoch: number, seq: number): Place {
  return { epoch, seq };
}

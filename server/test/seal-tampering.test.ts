// Nothing that was sealed can be changed, removed or added to unseen: a table of everything that somebody with all rights
// in the database might do to one row, to one seal, or to the end of a chain.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { headsWords, parseHeads } from '../src/audit-report.ts';
import { type SealStage, sealChain, sealedSale, sealSale, sealStage, sealsOf } from './seal-stage.ts';

let stage: SealStage;

beforeAll(async () => {
  stage = await sealStage();
});

afterAll(() => stage.close());

test('an-untouched-journal-verifies', async () => {
  const sale = await sealedSale(stage);
  expect(await sealsOf(stage, sale, 'l')).toEqual(['0:1-4', '0:5-6']);
  expect(await sealsOf(stage, sale, 'r')).toEqual(['1:1-10', '1:11-20', '2:21-25 gap', '2:26-30']);
  const { findings, chains } = await stage.audit.verify([sale], []);
  expect(findings).toEqual([]);
  expect(chains).toMatchObject([
    { source: 'l', seals: 2, rows: 6, gaps: [], unsealed: { rows: 0, oldestAtMs: null } },
    { source: 'r', seals: 4, rows: 25, gaps: [{ epoch: 2, fromSeq: 21, toSeq: 25 }], unsealed: { rows: 0 } },
  ]);
});

describe('every column of every row counts:', () => {
  /** A value of the type that is not the one it was. */
  const OTHER: Readonly<Record<string, (column: string) => string>> = {
    integer: (column) => `coalesce(${column}, 0) + 1000`,
    bigint: (column) => `coalesce(${column}, 0) + 1000`,
    text: (column) => `coalesce(${column}, '') || 'x'`,
    bytea: (column) => `coalesce(${column}, '') || '\\x00'`,
    jsonb: (column) => `coalesce(${column}, '{}') || '{"x": 1}'`,
    '"char"': (column) => `CASE ${column} WHEN 'l' THEN 'r'::"char" ELSE 'l' END`,
  };

  test('changed, filled or emptied', async () => {
    const columns: { name: string; type: string; nullable: boolean }[] = await stage.sql`
      SELECT attname AS name, format_type(atttypid, NULL) AS type, NOT attnotnull AS nullable
      FROM pg_attribute
      WHERE attrelid = 'holdfast.journal'::regclass AND attnum > 0 AND NOT attisdropped`;
    expect(columns.length).toBeGreaterThanOrEqual(14);
    for (const { name, type, nullable } of columns) {
      const other = OTHER[type];
      // A type whose text depends on a session's settings would make hashes depend on who asks.
      if (other === undefined)
        throw new Error(`the journal's column ${name} is of a type not known here: ${type}`);
      const rows = [
        { row: `source = 'l' AND seq = 3`, place: 'l 0:3' },
        // An r row cannot become an l row: those are of epoch 0, by a CHECK.
        ...(name === 'source' ? [] : [{ row: `source = 'r' AND epoch = 1 AND seq = 15`, place: 'r 1:15' }]),
      ];
      for (const { row, place } of rows) {
        const values = [other(name), ...(nullable ? ['NULL'] : [])];
        for (const value of values) {
          const sale = await sealedSale(stage);
          const changed: { was: unknown }[] = await stage.sql.unsafe(
            `SELECT ${name} AS was FROM holdfast.journal WHERE sale = ${sale} AND ${row}`,
          );
          if (value === 'NULL' && changed[0]?.was === null) continue;
          // l entries are of epoch 0, by a CHECK.
          if (name === 'epoch' && place.startsWith('l')) continue;
          await stage.tamper(
            `UPDATE holdfast.journal SET ${name} = ${value} WHERE sale = ${sale} AND ${row}`,
          );
          const { words } = await stage.findings(sale);
          const what = ['sale', 'source', 'epoch', 'seq'].includes(name) ? 'missing' : 'changed';
          expect({ name, value, words }).toMatchObject({
            words: expect.arrayContaining([`${what} ${place}`]),
          });
        }
      }
    }
  });
});

/** A copy of a row of the journal, at another place. */
function copyOf(sale: number, from: string, changes: Readonly<Record<string, string>>): string {
  const columns = [
    ...[
      'sale',
      'source',
      'epoch',
      'seq',
      'kind',
      'at_ms',
      'reservation_id',
      'created_seq',
      'customer',
      'lines',
    ],
    ...['ttl_seconds', 'deadline_ms', 'fingerprint', 'detail'],
  ];
  return `INSERT INTO holdfast.journal (${columns.join(', ')})
          SELECT ${columns.map((column) => changes[column] ?? column).join(', ')} FROM holdfast.journal
          WHERE sale = ${sale} AND ${from}`;
}

const SEAL = (sale: number, source: 'l' | 'r', position: number) =>
  `sale = ${sale} AND source = '${source}' AND position = ${position}`;

describe('found:', () => {
  const R = (seq: number) => `source = 'r' AND epoch = 1 AND seq = ${seq}`;
  const cases: readonly {
    readonly name: string;
    readonly tamper: (sale: number) => string;
    /** Among the findings; nothing else is found but what disagrees with it. */
    readonly found: readonly string[];
  }[] = [
    // Rows
    ...[1, 10, 11, 15, 20].map((seq) => ({
      name: `row ${seq} deleted`,
      tamper: (sale: number) => `DELETE FROM holdfast.journal WHERE sale = ${sale} AND ${R(seq)}`,
      found: [`missing r 1:${seq}`],
    })),
    {
      name: 'the last sealed row of the journal deleted',
      tamper: (sale) => `DELETE FROM holdfast.journal WHERE sale = ${sale} AND source = 'r' AND seq = 30`,
      found: ['missing r 2:30'],
    },
    {
      name: 'a ledger entry deleted',
      tamper: (sale) => `DELETE FROM holdfast.journal WHERE sale = ${sale} AND source = 'l' AND seq = 4`,
      found: ['missing l 0:4'],
    },
    {
      name: 'every row deleted',
      tamper: (sale) => `DELETE FROM holdfast.journal WHERE sale = ${sale} AND source = 'r'`,
      found: [
        ...Array.from({ length: 20 }, (_, index) => `missing r 1:${index + 1}`),
        ...Array.from({ length: 5 }, (_, index) => `missing r 2:${index + 26}`),
      ],
    },
    {
      name: 'the contents of two rows exchanged',
      tamper: (sale) => `
        UPDATE holdfast.journal AS row SET (kind, at_ms, reservation_id, created_seq, customer, deadline_ms) =
          (SELECT kind, at_ms, reservation_id, created_seq, customer, deadline_ms FROM holdfast.journal AS other
           WHERE other.sale = row.sale AND other.source = 'r' AND other.seq = 29 - row.seq)
        WHERE sale = ${sale} AND source = 'r' AND seq IN (13, 16)`,
      found: ['changed r 1:13', 'changed r 1:16'],
    },
    {
      name: 'a row inserted into a gap',
      tamper: (sale) => copyOf(sale, R(20), { epoch: '2', seq: '23' }),
      found: ['inserted r 2:23'],
    },
    {
      name: 'a row inserted after the end of an epoch',
      tamper: (sale) => copyOf(sale, R(20), { seq: '21' }),
      found: ['inserted r 1:21'],
    },
    {
      name: 'a row inserted before the first',
      tamper: (sale) => copyOf(sale, R(20), { epoch: '0', seq: '20' }),
      found: ['inserted r 0:20'],
    },
    {
      name: 'a row inserted with a number that its epoch had not reached',
      tamper: (sale) => copyOf(sale, R(20), { epoch: '2', seq: '7' }),
      found: ['inserted r 2:7'],
    },
    {
      name: 'a row inserted of an epoch that no store was granted',
      tamper: (sale) => copyOf(sale, R(20), { epoch: '9', seq: '31' }),
      found: ['inserted r 9:31'],
    },
    {
      name: 'a row inserted a few numbers after the last',
      tamper: (sale) => copyOf(sale, R(20), { epoch: '2', seq: '35' }),
      found: ['missing r 2:31'],
    },
    {
      name: 'a ledger entry inserted a few numbers after the last',
      tamper: (sale) => copyOf(sale, `source = 'l' AND seq = 6`, { seq: '9' }),
      found: ['missing l 0:7'],
    },
    {
      name: 'a row moved to the end',
      tamper: (sale) => `UPDATE holdfast.journal SET epoch = 2, seq = 31 WHERE sale = ${sale} AND ${R(12)}`,
      found: ['missing r 1:12'],
    },

    // Seals
    ...[1, 2, 3].map((position) => ({
      name: `seal ${position} deleted`,
      tamper: (sale: number) => `DELETE FROM holdfast.seal WHERE ${SEAL(sale, 'r', position)}`,
      found: [['seal-missing r 1:11'], ['seal-missing r 2:21'], ['seal-missing r 2:26']][position - 1] ?? [],
    })),
    {
      name: 'two seals exchanged',
      tamper: (sale) => `
        UPDATE holdfast.seal SET position = position + 100 WHERE sale = ${sale} AND source = 'r' AND position IN (1, 2);
        UPDATE holdfast.seal SET position = 103 - position WHERE sale = ${sale} AND source = 'r' AND position > 100`,
      found: ['seal-changed r 1:11', 'seal-changed r 1:1'],
    },
    {
      name: 'a gap made where rows were',
      tamper: (sale) => `
        DELETE FROM holdfast.journal WHERE sale = ${sale} AND source = 'r' AND seq BETWEEN 11 AND 20;
        UPDATE holdfast.seal SET row_count = 0, marks = '' WHERE ${SEAL(sale, 'r', 2)}`,
      found: ['seal-changed r 1:11'],
    },
    {
      name: 'a gap widened over what is to come',
      tamper: (sale) => `UPDATE holdfast.seal SET from_seq = 22 WHERE ${SEAL(sale, 'r', 3)}`,
      found: ['seal-changed r 2:22'],
    },
    ...[
      { column: 'epoch', value: 'epoch + 1' },
      { column: 'sealed_at_ms', value: 'sealed_at_ms + 1' },
      { column: 'marks', value: `overlay(marks PLACING '\\x0000000000000000' FROM 9)` },
      { column: 'previous', value: `overlay(previous PLACING '\\x00000000' FROM 1)` },
      { column: 'hash', value: `overlay(hash PLACING '\\x00000000' FROM 1)` },
    ].map(({ column, value }) => ({
      name: `a seal's ${column} changed`,
      tamper: (sale: number) => `UPDATE holdfast.seal SET ${column} = ${value} WHERE ${SEAL(sale, 'r', 2)}`,
      found: [column === 'epoch' ? 'missing r 2:11' : 'seal-changed r 1:11'],
    })),
    {
      name: 'a seal moved to the other chain',
      tamper: (sale) => `UPDATE holdfast.seal SET source = 'l', position = 3 WHERE ${SEAL(sale, 'r', 4)}`,
      found: ['seal-changed l 2:26'],
    },

    // What was derived
    {
      name: 'stock that was sold and is not',
      tamper: (sale) => `UPDATE holdfast.item SET sold = 0 WHERE sale = ${sale}`,
      found: ['disagrees'],
    },
    {
      name: 'an order deleted',
      tamper: (sale) => `DELETE FROM holdfast.orders WHERE sale = ${sale}`,
      found: ['disagrees'],
    },
    {
      name: 'the sale deleted',
      tamper: (sale) =>
        `DELETE FROM holdfast.epoch_end WHERE sale = ${sale}; DELETE FROM holdfast.sale WHERE number = ${sale}`,
      found: ['disagrees'],
    },
  ];
  for (const { name, tamper, found } of cases) {
    test(name, async () => {
      const sale = await sealedSale(stage);
      await stage.tamper(tamper(sale));
      const { words } = await stage.findings(sale);
      expect(words).toEqual(expect.arrayContaining([...found]));
    });
  }
});

describe('whoever changes a row and seals it anew', () => {
  test('is betrayed by the next seal', async () => {
    const sale = await sealedSale(stage);
    const chain = `sale = ${sale} AND source = 'l'`;
    await stage.tamper(`
      UPDATE holdfast.journal SET customer = '\\x00' WHERE ${chain} AND seq = 3;
      CREATE TABLE kept_rows AS SELECT * FROM holdfast.journal WHERE ${chain} AND seq > 4;
      CREATE TABLE kept_seals AS SELECT * FROM holdfast.seal WHERE ${chain} AND position = 2;
      DELETE FROM holdfast.journal WHERE ${chain} AND seq > 4;
      DELETE FROM holdfast.seal WHERE ${chain}`);
    expect(await sealChain(stage.ledger, { saleNumber: sale, source: 'l' })).toBe(4);
    await stage.tamper(`
      INSERT INTO holdfast.journal SELECT * FROM kept_rows;
      INSERT INTO holdfast.seal SELECT * FROM kept_seals;
      DROP TABLE kept_rows, kept_seals`);
    expect(await sealsOf(stage, sale, 'l')).toEqual(['0:1-4', '0:5-6']);
    expect((await stage.findings(sale)).words).toEqual(['seal-changed l 0:5']);
  });

  test('is betrayed by a head that was noted before, and so is who cuts the chain', async () => {
    const sale = await sealedSale(stage);
    const note = headsWords(await stage.audit.heads(), await stage.audit.sales(), 0);
    const noted = parseHeads(note).filter(({ saleNumber }) => saleNumber === sale);
    expect(noted.map(({ source, position }) => [source, position])).toEqual([
      ['l', 2],
      ['r', 4],
    ]);
    const words = async () => {
      const { findings } = await stage.audit.verify([sale], noted);
      return findings.map(({ what, source }) => `${what} ${source}`);
    };
    expect(await words()).toEqual([]);
    // The chain goes on: the head that was noted is still in it.
    await stage.ledger.closeSale(await idOf(sale), 'operator-1');
    await sealSale(stage.ledger, sale);
    expect(await words()).toEqual([]);

    await stage.tamper(`DELETE FROM holdfast.seal WHERE sale = ${sale} AND source = 'r' AND position >= 3`);
    expect(await words()).toEqual(['seal-missing r']);
    await stage.tamper(`DELETE FROM holdfast.seal WHERE sale = ${sale} AND source = 'r'`);
    expect(await words()).toEqual(['seal-missing r']);
    await sealSale(stage.ledger, sale);
    expect((await stage.findings(sale)).words).toEqual([]);
    expect(await words()).toEqual(['seal-missing r']);
    await stage.tamper(`
      DELETE FROM holdfast.seal WHERE sale = ${sale};
      DELETE FROM holdfast.journal WHERE sale = ${sale} AND source = 'r'`);
    await sealSale(stage.ledger, sale);
    expect(await words()).toEqual(['seal-missing l', 'seal-missing r']);
  });
});

async function idOf(sale: number): Promise<string> {
  return (await stage.ledger.saleByNumber(sale))?.id ?? '';
}

describe('rows that are written stay:', () => {
  for (const table of ['journal', 'seal']) {
    for (const statement of [
      `UPDATE holdfast.${table} SET epoch = 0`,
      `DELETE FROM holdfast.${table}`,
      `TRUNCATE holdfast.${table}`,
    ]) {
      test(statement, async () => {
        await expect(stage.sql.unsafe(statement).execute()).rejects.toThrow(
          `holdfast.${table} is append-only`,
        );
      });
    }
  }
});

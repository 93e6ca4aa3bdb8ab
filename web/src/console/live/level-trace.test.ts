// an-hour-fits-in-the-same-memory: what a dashboard keeps does not grow, and shows what was.
import { describe, expect, test } from 'bun:test';
import type { Item } from '@holdfast/contract/inventory';
import { LevelTrace, TraceView } from './level-trace.ts';
import { SaleStock } from './sale-stock.ts';

const START_MS = Date.parse('2026-11-27T10:00:00.000Z');

function item(sku: string, atMs: number, sold: number): Item {
  const level = { total: 40_000, available: 40_000 - sold - 10, reserved: 10, sold };
  const as_of = new Date(atMs).toISOString();
  return { sku, sale_id: 'drop', name: sku, max_per_customer: null, status: 'on_sale', as_of, ...level };
}

describe('an hour at ten updates a second', () => {
  test('goes through the arrays that were made at its beginning', () => {
    const stock = new SaleStock(['A']);
    const view = new TraceView(600);
    const bytes = stock.byteLength;
    const buffers = view.fill(stock.coarse, START_MS, START_MS).map((column) => column.buffer);
    for (let update = 0; update < 36_000; update += 1) {
      const atMs = START_MS + update * 100;
      stock.update(item('A', atMs, update));
      if (update % 100 !== 0) continue;
      const columns = view.fill(stock.traceFor(3_600_000), atMs - 3_600_000, atMs);
      expect(columns.map((column) => column.buffer)).toEqual(buffers);
      expect(columns[0].length).toBeLessThanOrEqual(600);
    }
    expect(stock.byteLength).toBe(bytes);
    expect(stock.fine.length).toBe(stock.fine.capacity);
    expect(stock.coarse.length).toBe(stock.coarse.capacity);
    expect(stock.now()).toEqual({
      total: 40_000,
      available: 40_000 - 35_999 - 10,
      reserved: 10,
      sold: 35_999,
    });
  });

  test('is shown from its first minute to its last', () => {
    const stock = new SaleStock(['A']);
    for (let update = 0; update < 36_000; update += 1)
      stock.update(item('A', START_MS + update * 100, update));
    const endMs = START_MS + 3_599_900;
    const [at, total, , sold] = new TraceView(600).fill(stock.coarse, START_MS, endMs);
    expect(at[0]).toBe(START_MS);
    expect(at.at(-1)).toBe(endMs);
    expect(sold[0]).toBe(9); // the last of the first second
    expect(sold.at(-1)).toBe(35_999);
    expect(new Set(total)).toEqual(new Set([40_000]));
    for (let i = 1; i < at.length; i += 1)
      expect(at[i] as number).toBeGreaterThanOrEqual(at[i - 1] as number);
  });
});

describe('a trace', () => {
  const level = (available: number) => ({ available, reserved: 0, sold: 0 });

  test('keeps the last level of a bin, and drops the oldest point when it is full', () => {
    const trace = new LevelTrace(3, 100);
    for (const [atMs, available] of [
      [0, 9],
      [50, 8],
      [100, 7],
      [210, 6],
      [350, 5],
    ] as const) {
      trace.push(atMs, level(available));
    }
    expect([0, 1, 2].map((i) => [trace.timeAt(i), trace.availableAt(i)])).toEqual([
      [100, 7],
      [200, 6],
      [300, 5],
    ]);
  });

  test('takes an update that comes late as one of its newest bin', () => {
    const trace = new LevelTrace(10, 100);
    trace.push(1_000, level(5));
    trace.push(700, level(4));
    expect([trace.length, trace.timeAt(0), trace.availableAt(0)]).toEqual([1, 1_000, 4]);
  });

  test('begins a window with the level that held then, and ends it with the one that holds', () => {
    const trace = new LevelTrace(10, 100);
    trace.push(0, level(9));
    trace.push(5_000, level(3));
    const [at, total] = new TraceView(50).fill(trace, 2_000, 8_000);
    expect([...at]).toEqual([2_000, 5_000, 8_000]);
    expect([...total]).toEqual([9, 3, 3]);
  });

  test('shows nothing before it was told anything', () => {
    const view = new TraceView(50);
    expect(view.fill(new LevelTrace(10, 100), 0, 1_000)[0].length).toBe(0);
    const trace = new LevelTrace(10, 100);
    trace.push(5_000, level(3));
    expect(view.fill(trace, 0, 1_000)[0].length).toBe(0);
  });

  test('never needs more points than the view has, wherever the window begins', () => {
    const trace = new LevelTrace(1_200, 100);
    for (let i = 0; i < 2_000; i += 1) trace.push(i * 100, level(i));
    const view = new TraceView(100);
    for (let shift = 0; shift < 3_000; shift += 37) {
      const [at] = view.fill(trace, 70_000 + shift, 190_000 + shift);
      expect(at.length).toBeLessThanOrEqual(100);
      expect(at.length).toBeGreaterThan(90);
    }
  });
});

describe('the stock of a sale', () => {
  test('is the sum of its items, once all of them were heard', () => {
    const stock = new SaleStock(['A', 'B']);
    stock.update(item('A', START_MS, 5));
    expect([stock.complete, stock.fine.length]).toEqual([false, 0]);
    stock.update(item('B', START_MS + 10, 7));
    expect([stock.complete, stock.now().sold, stock.now().total]).toEqual([true, 12, 80_000]);
    expect(stock.fine.soldAt(0)).toBe(12);
  });

  test('does not believe an older word, nor one of an item that is not watched', () => {
    const stock = new SaleStock(['A']);
    expect(stock.update(item('A', START_MS + 500, 9))).toBe(true);
    expect(stock.update(item('A', START_MS, 3))).toBe(false);
    expect(stock.update(item('Z', START_MS + 900, 3))).toBe(false);
    expect(stock.now().sold).toBe(9);
  });
});

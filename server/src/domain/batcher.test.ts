// Natural batching: what comes in together travels together, and nothing waits for a timer while nothing is under way.
import { describe, expect, test } from 'bun:test';
import { Batcher, type BatcherOptions, Overloaded } from './batcher.ts';

function stage(options: Partial<Omit<BatcherOptions<number, number>, 'send'>> = {}) {
  const sent: number[][] = [];
  const answers: (() => void)[] = [];
  const batcher = new Batcher<number, number>({
    maxBatch: 10,
    maxInFlight: 1,
    maxQueued: 100,
    ...options,
    send: (commands) => {
      sent.push(commands);
      return new Promise((resolve) => answers.push(() => resolve(commands.map((n) => n * 10))));
    },
  });
  return { batcher, sent, answerNext: () => answers.shift()?.() };
}

const endOfTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('commands', () => {
  test('asked-for-in-one-turn-go-together-at-its-end', async () => {
    const { batcher, sent, answerNext } = stage();
    const replies = Promise.all([1, 2, 3].map((n) => batcher.run(n)));
    expect(sent).toEqual([]);
    await endOfTurn();
    expect(sent).toEqual([[1, 2, 3]]);
    answerNext();
    expect(await replies).toEqual([10, 20, 30]);
  });

  test('that-come-while-a-batch-is-under-way-gather-and-go-when-it-is-back', async () => {
    const { batcher, sent, answerNext } = stage({ maxBatch: 2 });
    const first = batcher.run(1);
    await endOfTurn();
    const others = [2, 3, 4].map((n) => batcher.run(n));
    await endOfTurn();
    expect(sent).toEqual([[1]]);
    answerNext();
    await first;
    await endOfTurn();
    expect(sent).toEqual([[1], [2, 3]]);
    answerNext();
    expect(await Promise.all(others.slice(0, 2))).toEqual([20, 30]);
    await endOfTurn();
    expect(sent).toEqual([[1], [2, 3], [4]]);
    answerNext();
    expect(await others[2]).toBe(40);
  });

  test('that-fill-batches-wait-for-none-under-way-up-to-a-bound', async () => {
    const { batcher, sent, answerNext } = stage({ maxBatch: 2, maxFullInFlight: 3 });
    const replies = Promise.all([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => batcher.run(n)));
    await endOfTurn();
    expect(sent).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    answerNext();
    await endOfTurn();
    expect(sent.slice(3)).toEqual([[7, 8]]);
    answerNext();
    await endOfTurn();
    // One is left: it is no full batch, and waits until none is under way.
    expect(sent.slice(4)).toEqual([]);
    answerNext();
    answerNext();
    await endOfTurn();
    expect(sent.slice(4)).toEqual([[9]]);
    answerNext();
    expect(await replies).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90]);
  });

  test('with-patience-gather-for-the-batch-under-way-and-go-beside-it-when-it-is-stuck', async () => {
    const { batcher, sent } = stage({ maxInFlight: 2, patienceMs: 1 });
    void batcher.run(1);
    await endOfTurn();
    void batcher.run(2);
    void batcher.run(3);
    expect(sent).toEqual([[1]]);
    while (sent.length < 2) await endOfTurn();
    expect(sent).toEqual([[1], [2, 3]]);
  });

  test('beyond-the-bound-of-the-queue-are-refused-at-once', async () => {
    const { batcher } = stage({ maxQueued: 1 });
    void batcher.run(1);
    expect(batcher.run(2)).rejects.toThrow(Overloaded);
  });
});

test('whoever watches hears how many went together, and how long each had waited', async () => {
  const sizes: number[] = [];
  const waits: number[] = [];
  const batcher = new Batcher<number, number>({
    maxBatch: 2,
    maxInFlight: 1,
    maxQueued: 10,
    send: async (commands) => commands,
    watch: { sent: (commands) => sizes.push(commands), waited: (seconds) => waits.push(seconds) },
  });
  await Promise.all([batcher.run(1), batcher.run(2), batcher.run(3)]);
  expect(sizes).toEqual([2, 1]);
  expect(waits).toHaveLength(3);
  expect(waits.every((seconds) => seconds >= 0 && seconds < 60)).toBe(true);
});

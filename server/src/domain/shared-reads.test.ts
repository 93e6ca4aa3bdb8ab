// A crowd that asks for the same costs one reading at a time, and nobody is told anything older than what they asked at.
import { expect, test } from 'bun:test';
import { SharedReads } from './shared-reads.ts';

/** Readings that end when the test says so, numbered in the order in which they began. */
class Shelf {
  readonly shared = new SharedReads<number>();
  readonly begun: { readonly end: () => void; readonly fail: () => void }[] = [];

  ask(key = 'page'): Promise<number> {
    return this.shared.run(
      key,
      () =>
        new Promise((resolve, reject) => {
          const number = this.begun.length + 1;
          this.begun.push({ end: () => resolve(number), fail: () => reject(new Error(`no ${number}`)) });
        }),
    );
  }

  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('who asks while it is being read shares the next reading with all others who do', async () => {
  const shelf = new Shelf();
  const first = shelf.ask();
  const crowd = Array.from({ length: 1_000 }, () => shelf.ask());
  expect(shelf.begun.length).toBe(1);
  shelf.begun[0]?.end();
  expect(await first).toBe(1);
  await shelf.settle();
  expect(shelf.begun.length).toBe(2);
  const late = shelf.ask(); // the second is under way already: it may have read before this one asked
  shelf.begun[1]?.end();
  expect(new Set(await Promise.all(crowd))).toEqual(new Set([2]));
  await shelf.settle();
  shelf.begun[2]?.end();
  expect(await late).toBe(3);
});

test('who asks when nothing is under way is read for at once', async () => {
  const shelf = new Shelf();
  for (const number of [1, 2, 3]) {
    const asked = shelf.ask();
    expect(shelf.begun.length).toBe(number);
    shelf.begun[number - 1]?.end();
    expect(await asked).toBe(number);
    await shelf.settle();
  }
});

test('what fails fails for those who share it, and not for those who come after', async () => {
  const shelf = new Shelf();
  const first = shelf.ask();
  const second = shelf.ask();
  shelf.begun[0]?.fail();
  await expect(first).rejects.toThrow('no 1');
  await shelf.settle();
  shelf.begun[1]?.end();
  expect(await second).toBe(2);
});

test('other keys are other readings', () => {
  const shelf = new Shelf();
  void shelf.ask('a');
  void shelf.ask('b');
  expect(shelf.begun.length).toBe(2);
});

// A supervisor lives for months and is asked for its metrics every few seconds: what a worker answered is gone when the next answer is there.
import { expect, test } from 'bun:test';
import type { Begin } from '../../src/processes/messages.ts';
import { WorkerProcess } from '../../src/processes/worker-process.ts';
import { until } from '../harness/until.ts';

/** Answers what it is asked, until it is asked for the last time. */
const WORKER = `process.on('message', ({ type, id }) => {
  if (type === 'collect') process.send({ type: 'metrics', id, snapshot: [{ name: 'n', help: '', type: 'gauge', values: [] }] });
  if (type === 'stop') process.exit(0);
});`;
const SCRAPES = 200;
/** The collector looks for references on the stack as well, and may see one that is not there any more. */
const MAY_LINGER = 20;

test('of what a worker has answered nothing is kept', async () => {
  const worker = new WorkerProcess([process.execPath, '-e', WORKER], {}, {} as Begin);
  const answers: WeakRef<object>[] = [];
  try {
    for (let scrape = 0; scrape < SCRAPES; scrape++) {
      const snapshot = await worker.collect(false);
      expect(snapshot).toHaveLength(1);
      answers.push(new WeakRef(snapshot as object));
    }
    await until('they are gone', () => {
      Bun.gc(true);
      return answers.filter((answer) => answer.deref() !== undefined).length <= MAY_LINGER;
    });
  } finally {
    await worker.stop(1_000);
  }
});

test('a worker that ends while it is asked, or has ended, does not keep the scrape waiting', async () => {
  const worker = new WorkerProcess([process.execPath, '-e', 'setInterval(() => {}, 1e6)'], {}, {} as Begin);
  const asked = worker.collect(false);
  worker.kill();
  expect(await asked).toBeUndefined();
  await worker.ended;
  expect(await worker.collect(false)).toBeUndefined();
});

// The load process: makes the requests of an order, says so, sends them when told to, and tells what came back. It ends with
// the bench that started it.
import { Generator } from './generator.ts';
import type { FromLoad, Order, ToLoad } from './order.ts';
import { writeScript } from './requests.ts';

let ready: Generator | undefined;

process.on('message', (message: ToLoad) => {
  void take(message).catch((error: Error) => tell({ say: 'failed', message: error.stack ?? error.message }));
});
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
tell({ say: 'here' });

async function take(message: ToLoad): Promise<void> {
  if (message.say === 'end') process.exit(0);
  if (message.say === 'prepare') {
    ready = await prepare(message.order);
    tell({ say: 'prepared' });
    return;
  }
  const generator = ready;
  ready = undefined;
  if (generator === undefined) throw new Error('there is nothing to go on with');
  tell({ say: 'done', outcome: await generator.run() });
}

async function prepare(order: Order): Promise<Generator> {
  const generator = new Generator(order, writeScript(order));
  // What was made for the last order is not to be cleared away during this one.
  Bun.gc(true);
  await generator.connect();
  return generator;
}

function tell(message: FromLoad): void {
  process.send?.(message);
}

// Scenario 14: the process that writes the journal is killed between the write and its acknowledgement, again and again; and
// movements reach the ledger twice and out of order.
import { LedgerUnavailable } from '../../../src/domain/ledger-facts.ts';
import { Ledger } from '../../../src/ledger/ledger.ts';
import { readStream } from '../../../src/stock/sale-stock.ts';
import { until } from '../../harness/until.ts';
import type { Act } from '../act.ts';
import { whenExecuted } from '../proxy.ts';
import type { Scenario } from '../scenario.ts';
import type { Actor, Stage } from '../stage.ts';

/** A service that dies leaves its turn, which ends by itself after 2 s; then another one writes. */
const TURN_WITHIN_MS = 15_000;
const DELIVERIES = 20;
const APPEND_TRIES = 20;

export const writerKilled: Scenario = {
  number: 14,
  title: 'Ledger writer killed between write and acknowledge; movements delivered twice',
  about:
    "The answer to the ledger writer's insert is kept back and the process that waits for it is killed with SIGKILL: the rows are in the journal, the stream still has them, and another process writes them again. Then the waiting movements are appended beside the writer, backwards and twice.",
  inShort: false,
  play: async (company) => {
    const stage = await company.stage({ proxied: ['postgres'] });
    const kills = company.scale(50, 4);
    await company.act(`writer killed ${kills} times`, stage, async (act) => {
      act.load({ thinkMs: 25 });
      for (let kill = 1; kill <= kills; kill += 1) {
        await act.goOn(0.2);
        await act.outage('the writer is dead', async () => {
          const writer = await whoeverWrites(stage);
          await writer.kill9();
          for (const proxy of stage.proxies('postgres')) proxy.release();
          writer.proxies.postgres?.cutAll();
          await writer.start();
        });
      }
      await act.goOn(2);
    });
    await company.act('movements delivered twice and out of order', stage, async (act) => {
      act.load({ thinkMs: 10 });
      await act.goOn(1);
      act.note(
        `${await deliverAgain(act, stage)} movements were appended backwards and twice beside the writer.`,
      );
      await act.goOn(1);
    });
  },
};

/** The service whose insert into the journal has just been sent; its answer is kept back. */
async function whoeverWrites(stage: Stage): Promise<Actor> {
  let writer: Actor | undefined;
  for (const service of stage.services) {
    service.proxies.postgres?.setTrap({
      direction: 'to-server',
      make: whenExecuted('append_transitions'),
      does: 'hold',
      onSprung: () => {
        writer ??= service;
      },
    });
  }
  return await until('somebody writes the journal', () => writer, TURN_WITHIN_MS);
}

/** Two inserts of the same rows in opposite order wait for each other: PostgreSQL gives one of them up. */
async function asOftenAsNeeded(append: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await append();
      return;
    } catch (error) {
      if (!(error instanceof LedgerUnavailable) || tries === APPEND_TRIES) throw error;
    }
  }
}

async function deliverAgain(act: Act, stage: Stage): Promise<number> {
  const ledger = new Ledger({ databaseUrl: stage.postgres.url });
  const redis = stage.redisClient();
  let delivered = 0;
  try {
    for (let time = 1; time <= DELIVERIES; time += 1) {
      const waiting = await until('something waits for the journal', async () => {
        const found = await readStream(redis, act.sale.number, 2_000);
        return found.length > 0 && found;
      });
      const epoch = await act.epoch();
      const backwards = [...waiting].reverse();
      for (let twice = 0; twice < 2; twice += 1)
        await asOftenAsNeeded(() => ledger.appendTransitions(act.sale.number, epoch, backwards));
      delivered += waiting.length;
    }
  } finally {
    await ledger.close();
  }
  return delivered;
}

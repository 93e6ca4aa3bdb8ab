// Scenario 6: a replica that fell behind is promoted. Its primary was killed, or lives on as its replica, with the connections
// of the services still open to it.
import type { Act } from '../act.ts';
import { type Replica, startReplica } from '../replicas.ts';
import { type Company, type Scenario, times } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const LIVE = 10_000;
/** P10. */
const PROMOTION_LIMIT_MS = 5_000;
/** How long the replica hears nothing before. */
const BEHIND_SECONDS = 1;
/** The writer of the journal follows within milliseconds, and lags under load. */
const WRITER_LAG_MS = 1_500;

export const staleReplica: Scenario = {
  number: 6,
  title: 'A stale replica promoted',
  about:
    'A replica hears nothing from its primary for a second of load, then the primary is killed with SIGKILL and the replica promoted; services reach it through a proxy that leads there from then on. Once the journal kept up, once it was held back for the same second: then what was granted in it is gone, and each such reservation is answered `reservation-lost`. Then a promotion with the old primary still up and every connection to it still open. Sentinel and Cluster (scenario 7) are not supported by this version yet.',
  inShort: true,
  play: async (company) => {
    const stage = await company.stage({ proxied: ['redis', 'postgres'] });
    const rounds = company.scale(3, 1);
    await company.act(`primary killed, journal kept up, ${times(rounds)}`, stage, async (act) => {
      await act.keepLive(LIVE);
      act.load({ thinkMs: 10 });
      for (let round = 1; round <= rounds; round += 1) await failOver(act, stage, false);
      await act.goOn(2);
    });
    await company.act('primary killed, journal held back', stage, async (act) => {
      act.load({ thinkMs: 10 });
      await failOver(act, stage, true);
      await act.goOn(2);
    });
    if (!company.short) await oldPrimaryStays(company, stage);
  },
};

async function failOver(act: Act, stage: Stage, heldBack: boolean): Promise<void> {
  const replica = await startReplica(stage);
  const old = stage.primary;
  await act.goOn(1.5);
  const behindMs = performance.now();
  replica.link.hold('to-client');
  if (heldBack) for (const proxy of stage.proxies('postgres')) proxy.hold('to-server', 'to-client');
  await act.goOn(BEHIND_SECONDS);
  const epoch = await act.epoch();
  await old.kill9();
  const deadMs = performance.now();
  act.endEpoch(epoch);
  act.mayLose(behindMs - (heldBack ? WRITER_LAG_MS : 0), deadMs, 'the replica was behind');
  act.outages.push({ fromMs: behindMs, toMs: deadMs, why: 'the primary is dead' });
  await act.recovers(
    heldBack ? 'promoted, the journal behind too' : 'replica promoted',
    PROMOTION_LIMIT_MS,
    () => takeOver(stage, replica, heldBack),
  );
}

async function takeOver(stage: Stage, replica: Replica, heldBack: boolean): Promise<void> {
  await replica.promote();
  stage.primary = replica.store;
  stage.redisPort = replica.store.port;
  for (const proxy of stage.proxies('redis')) proxy.retarget(replica.store.port);
  if (!heldBack) return;
  for (const proxy of stage.proxies('postgres')) {
    proxy.cutAll();
    proxy.release();
  }
}

/** The old primary is made a replica of its successor: whoever is still connected to it may not be granted anything. */
async function oldPrimaryStays(company: Company, stage: Stage): Promise<void> {
  await company.act('old primary up, old connections open', stage, async (act) => {
    act.load({ thinkMs: 10 });
    const replica = await startReplica(stage);
    const old = stage.redisClient();
    const password = decodeURIComponent(new URL(stage.redis.url).password);
    await act.goOn(1.5);
    const behindMs = performance.now();
    replica.link.hold('to-client');
    await act.goOn(BEHIND_SECONDS);
    const epoch = await act.epoch();
    await act.recovers('promoted beside the old primary', PROMOTION_LIMIT_MS, async () => {
      await takeOver(stage, replica, false);
      await old.config('SET', 'masterauth', password);
      await old.call('REPLICAOF', '127.0.0.1', String(replica.store.port));
      act.endEpoch(epoch);
      act.mayLose(behindMs - WRITER_LAG_MS, performance.now(), 'the replica was behind');
      // Old connections stay open to what is a replica now; then they are closed, as a failover closes them.
      const accepted = act.diary.tally.accepted;
      await act.goOn(2);
      act.note(
        `${act.diary.tally.accepted - accepted} reservations were granted while every connection still led to the old primary.`,
      );
      for (const proxy of stage.proxies('redis')) proxy.cutAll();
    });
    await act.goOn(2);
  });
}

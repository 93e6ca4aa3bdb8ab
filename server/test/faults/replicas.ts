// Replicas of the stage's Redis, each fed through a proxy of its own, so that it can fall behind and be promoted.
import { startRedis, type TestStore } from '../harness/stores.ts';
import { until } from '../harness/until.ts';
import { FaultProxy } from './proxy.ts';
import type { Stage } from './stage.ts';

const IN_STEP_WITHIN_MS = 20_000;

export interface Replica {
  readonly store: TestStore;
  /** What it hears of its primary. */
  readonly link: FaultProxy;
  /** Becomes a primary; where services go is the stage's to change. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when the replica has everything. */
export async function startReplica(stage: Stage): Promise<Replica> {
  const link = await FaultProxy.start(stage.redisPort, Math.random);
  const password = decodeURIComponent(new URL(stage.redis.url).password);
  const store = await startRedis({
    appendfsync: 'always',
    configLines: [
      'auto-aof-rewrite-percentage 0',
      `requirepass ${password}`,
      `masterauth ${password}`,
      `replicaof 127.0.0.1 ${link.port}`,
      'repl-diskless-sync-delay 0',
    ],
  });
  stage.add(store);
  const redis = stage.redisClient(store.port);
  await until(
    'the replica is in step',
    async () => /master_link_status:up/.test(await redis.info('replication')),
    IN_STEP_WITHIN_MS,
  );
  return {
    store,
    link,
    promote: async () => {
      link.cutAll();
      link.refuse(true);
      await redis.call('REPLICAOF', 'NO', 'ONE');
    },
    stop: async () => {
      await link.stop();
      await store.stop();
    },
  };
}

// A Redis and its replica, as two real servers. The replica follows over a forwarder: when that is held the replica falls
// behind, and what is on its way is lost with the link. (Stopping the replica's process would not do: what its kernel has
// received it applies when it wakes.)
import { connectRedis, type StoreConnection, untilConnected } from '../../src/stock/connect.ts';
import { type Forwarder, startForwarder } from './forwarder.ts';
import { startRedis, type TestStore } from './stores.ts';
import { until } from './until.ts';

const CONNECT_WITHIN_MS = 5_000;

export interface Replica extends TestStore {
  /** From the primary to the replica. */
  readonly link: Forwarder;
  /** Resolves when it has all that the primary has. */
  caughtUp(): Promise<void>;
  /** Makes it a primary; what had not reached it by then never will. */
  promote(): Promise<void>;
}

/** For the primary too: a replica is in step at once, not after the usual wait for others. */
export const PRIMARY_LINES = ['repl-diskless-sync-delay 0'] as const;

export async function startReplica(primary: TestStore): Promise<Replica> {
  const link = await startForwarder(primary.port);
  // The primary's: an address may move from one to the other.
  const password = decodeURIComponent(new URL(primary.url).password);
  const server = await startRedis({
    password,
    configLines: [`masterauth ${password}`, `replicaof 127.0.0.1 ${link.port}`],
  });
  const caughtUp = () =>
    until('the replica has caught up', async () => {
      const [theirs, ours] = [await facts(primary.url), await facts(server.url)];
      const same = theirs.get('master_repl_offset') === ours.get('slave_repl_offset');
      return ours.get('master_link_status') === 'up' && theirs.get('slave0')?.includes('online') && same;
    }).then(() => undefined);
  await caughtUp();
  return {
    link,
    caughtUp,
    promote: async () => {
      link.cut();
      await withRedis(server.url, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
    },
    stop: async () => {
      await server.stop();
      await link.close();
    },
    kill9: () => server.kill9(),
    restart: () => server.restart(),
    get url() {
      return server.url;
    },
    get port() {
      return server.port;
    },
    get pid() {
      return server.pid;
    },
    dir: server.dir,
  };
}

/** The fields of INFO replication. */
async function facts(url: string): Promise<Map<string, string>> {
  return await withRedis(url, async (redis) => {
    const lines = (await redis.info('replication')).split(/\r?\n/);
    return new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    );
  });
}

async function withRedis<T>(url: string, work: (redis: StoreConnection) => Promise<T>): Promise<T> {
  const redis = connectRedis(url, () => undefined);
  try {
    await untilConnected(redis, CONNECT_WITHIN_MS);
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

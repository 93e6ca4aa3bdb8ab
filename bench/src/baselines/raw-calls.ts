// The library's own function, one reservation a call and one call at a time on each connection, without a service: what
// natural batching is measured against. By redis-benchmark where the server's package brought it, else by clients of our own.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { RedisClient } from 'bun';
import { saleKeys } from '../../../server/src/stock/keys.ts';
import { redisBinary } from '../../../server/test/harness/stores.ts';
import type { Sale, Stage } from '../stage.ts';

const CONNECTIONS = 64;
const TTL_SECONDS = 86_400;
/** As the service sets it: high, so that everybody is counted and nobody refused. */
const LIMIT = 1_000_000;
const ADDRESS = 'AAAAAAAAAAA';
const FINGERPRINT = 'AAAAAAAAAAA';
/** Some seconds, as a rule. */
const WITHIN_MS = 120_000;
const RANDOM = '__rand_int__';
/** Random numbers that redis-benchmark draws from: its own limit. */
const KEYSPACE = 2 ** 31 - 1;

export interface RawCalls {
  readonly calls: number;
  readonly seconds: number;
  readonly by: string;
}

/** Ids and customers are 22 characters of base64url: an even beginning, twelve digits, an even end. */
function command(sale: Sale, epoch: number, digits: string): string[] {
  const name = (beginning: string) => `${beginning.repeat(9)}${digits}A`;
  const keys = saleKeys(sale.number);
  // Columns of one command with one body (server/src/stock/reserve-call.ts).
  const [counted, commands, bodies, runs] = [0, 1, 1, 1];
  const body = [TTL_SECONDS, FINGERPRINT, `${sale.skus[0]}*1`];
  const sizes = [LIMIT, LIMIT, counted, commands, bodies, runs];
  const columns = [...body, 1, 1, name('B'), '@', name('C'), ADDRESS];
  return ['FCALL', 'hf_reserve', keys.length, ...keys, epoch, '', ...sizes, ...columns].map(String);
}

export async function rawCalls(stage: Stage, sale: Sale, calls: number): Promise<RawCalls> {
  const [row] = await stage.sql`SELECT epoch FROM holdfast.sale WHERE number = ${sale.number}`;
  const epoch = Number(row.epoch);
  const server = await redisBinary();
  const program = path.join(path.dirname(server.file), `${server.engine}-benchmark`);
  const startedMs = performance.now();
  if (!existsSync(program)) {
    await byOwnClients(stage, sale, epoch, calls);
    return { calls, seconds: (performance.now() - startedMs) / 1_000, by: 'own clients' };
  }
  const { password, hostname, port } = new URL(stage.redis.url);
  const where = ['-h', hostname, '-p', port, '-a', decodeURIComponent(password)];
  const how = ['-n', String(calls), '-c', String(CONNECTIONS), '-r', String(KEYSPACE), '--csv'];
  const child = Bun.spawn([program, ...where, ...how, ...command(sale, epoch, RANDOM)], {
    env: { ...server.env },
    stdout: 'pipe',
    stderr: 'ignore',
    timeout: WITHIN_MS,
  });
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${server.engine}-benchmark failed: ${output}`);
  const perSecond = Number(/","([\d.]+)"/.exec(output)?.[1]);
  return { calls, seconds: calls / perSecond, by: `${server.engine}-benchmark` };
}

async function byOwnClients(stage: Stage, sale: Sale, epoch: number, calls: number): Promise<void> {
  let next = 0;
  const caller = async () => {
    const client = new RedisClient(stage.redis.url);
    try {
      for (let i = next++; i < calls; i = next++) {
        const [word = '', ...args] = command(sale, epoch, String(i).padStart(12, '0'));
        await client.send(word, args);
      }
    } finally {
      client.close();
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, caller));
}

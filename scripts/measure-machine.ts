// What every measurement says of where it was taken, and the figures that Redis keeps of itself.
import { cpus } from 'node:os';
import type { StoreConnection } from '../server/src/stock/connect.ts';

export function describeMachine(redisVersion: string): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model ?? 'unknown'}, Bun ${Bun.version}, Redis ${redisVersion}`;
}

export async function redisVersion(redis: StoreConnection): Promise<string> {
  return field(await redis.info('server'), 'redis_version') ?? 'unknown';
}

/** What Redis has done so far. Differences of two of them are what lay between. */
export interface RedisWork {
  readonly functionCalls: number;
  /** Looks at the whole stock of a sale: hf_snapshot alone does it. */
  readonly stockReads: number;
  readonly cpuMicroseconds: number;
}

export async function redisWork(redis: StoreConnection): Promise<RedisWork> {
  const [commands, cpu] = await Promise.all([redis.info('commandstats'), redis.info('cpu')]);
  const calls = (command: string) =>
    Number(/calls=(\d+)/.exec(field(commands, `cmdstat_${command}`) ?? '')?.[1] ?? 0);
  const seconds = Number(field(cpu, 'used_cpu_user')) + Number(field(cpu, 'used_cpu_sys'));
  return {
    functionCalls: calls('fcall'),
    stockReads: calls('hgetall'),
    cpuMicroseconds: seconds * 1_000_000,
  };
}

export function since(before: RedisWork, after: RedisWork): RedisWork {
  return {
    functionCalls: after.functionCalls - before.functionCalls,
    stockReads: after.stockReads - before.stockReads,
    cpuMicroseconds: after.cpuMicroseconds - before.cpuMicroseconds,
  };
}

/** Bytes that Redis has allocated for data and buffers, without what the allocator keeps free. */
export async function usedMemoryBytes(redis: StoreConnection): Promise<number> {
  return Number(field(await redis.info('memory'), 'used_memory'));
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim();
}

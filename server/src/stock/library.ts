// Loads the function library and talks to it. Functions, not EVAL; an older service never replaces a newer library.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Redis, ReplyError } from 'ioredis';
import type { RetryBudget } from '../domain/retry-budget.ts';
import { StockNotAsked, StockSilent, StockUnavailable } from '../domain/sale-store.ts';

const FOLDER = path.join(import.meta.dir, '../../lua');

/** Redis takes a library as one source: the files of the folder, in the order of their numbers. */
const SOURCE = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.lua'))
  .sort()
  .map((name) => readFileSync(path.join(FOLDER, name), 'utf8'))
  .join('\n');

/** Version of the library this service was built with, as its source says. */
export const LIBRARY_VERSION = Number(/^local VERSION = (\d+)$/m.exec(SOURCE)?.[1] ?? Number.NaN);

/** Which server answered, and its clock before anything else was read. */
export interface StoreIdentity {
  readonly nowMs: number;
  /** `run_id replid`: changes with every start and every promotion. */
  readonly lineage: string;
  readonly runId: string;
  readonly replid: string;
  readonly role: string;
  readonly libraryVersion: number;
  /** Replicas that are connected and in step. */
  readonly replicas: number;
}

export type Reply = (string | number | null)[];

/**
 * Calls a library function; a reply is an array of strings.
 * @throws StockUnavailable when Redis refuses for want of memory, or is loading; StockSilent when it does not answer, and the
 * call may have run; StockNotAsked without a connection
 */
export async function call(
  redis: Redis,
  name: string,
  keys: readonly string[],
  args: readonly (string | number)[],
  /** Of calls that customers make: sending one a second time is counted against it. */
  retries?: RetryBudget,
): Promise<Reply> {
  if (redis.status !== 'ready') throw new StockNotAsked('Redis is not connected', 0);
  const send = async () =>
    (await redis.call('FCALL', name, keys.length, ...(keys as string[]), ...(args as string[]))) as Reply;
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof ReplyError && /Function not found/.test((error as Error).message)))
      throw unavailable(error);
  }
  if (retries && !retries.take('library')) throw new StockUnavailable('Redis has lost its functions');
  await loadLibrary(redis);
  try {
    return await send();
  } catch (error) {
    throw unavailable(error);
  }
}

/** Redis's own refusals that pass by themselves. Anything else that Lua says is a bug and surfaces as it is. */
const PASSING = /^(OOM|LOADING|READONLY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|BUSY|MISCONF)\b/;

function unavailable(error: unknown): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ReplyError && !PASSING.test(message)) return error;
  if (error instanceof ReplyError) return new StockUnavailable(`Redis refused: ${message}`);
  return new StockSilent(`Redis did not answer: ${message}`);
}

export async function identify(redis: Redis): Promise<StoreIdentity> {
  return readIdentity(await call(redis, 'hf_identity', [], []));
}

/** As hf_identity and hf_beat answer it. */
export function readIdentity([nowMs, runId, replid, role, version, replicas]: Reply): StoreIdentity {
  return {
    nowMs: Number(nowMs),
    lineage: `${runId} ${replid}`,
    runId: String(runId),
    replid: String(replid),
    role: String(role),
    libraryVersion: Number(version),
    replicas: Number(replicas ?? 0),
  };
}

/** A newer service uses this Redis: this one must be updated, and leaves the library as it is. */
export class NewerLibrary extends StockUnavailable {
  constructor(readonly present: number) {
    super(
      `Redis holds function library version ${present}, this service was built for ${LIBRARY_VERSION}. ` +
        'A newer Holdfast uses this Redis: update this one.',
    );
  }
}

/**
 * Makes sure that the server has this service's library. Replacing one ends every lease on the server; the gate
 * notices and grants anew.
 * @throws NewerLibrary
 */
export async function loadLibrary(redis: Redis): Promise<void> {
  const present = await loadedVersion(redis);
  if (present === LIBRARY_VERSION) return;
  if (present !== null && present > LIBRARY_VERSION) throw new NewerLibrary(present);
  try {
    await redis.call('FUNCTION', 'LOAD', ...(present === null ? [] : ['REPLACE']), SOURCE);
  } catch (error) {
    // Another process loaded it between our look and our load: as good.
    if (error instanceof ReplyError && /already exists/.test((error as Error).message)) return;
    throw unavailable(error);
  }
}

async function loadedVersion(redis: Redis): Promise<number | null> {
  try {
    const reply = (await redis.call('FCALL', 'hf_identity', 0)) as Reply;
    return Number(reply[4]);
  } catch (error) {
    if (error instanceof ReplyError && /Function not found/.test((error as Error).message)) return null;
    throw unavailable(error);
  }
}

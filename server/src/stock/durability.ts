// A store that may forget what it was told keeps no reservation: what of this server's settings could lose one, in words.
import type { Redis } from 'ioredis';

/** Empty when there is nothing to say. INFO alone: a service's own user may not ask for CONFIG. */
export async function storeRisks(redis: Redis): Promise<string[]> {
  const facts = factsOf(`${await redis.info('persistence')}\n${await redis.info('memory')}`);
  const risks: string[] = [];
  if (facts.get('aof_enabled') === '0') {
    risks.push(
      'Redis runs without an append-only file: a restart loses every live reservation. Set appendonly to yes.',
    );
  }
  const policy = facts.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    risks.push(
      `Redis evicts keys (maxmemory-policy ${policy}): sales can vanish from it. Set it to noeviction.`,
    );
  }
  return risks;
}

/** The `name:value` lines of INFO. */
function factsOf(info: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const line of info.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) facts.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return facts;
}

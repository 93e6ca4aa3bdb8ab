// A store that may forget what it was told keeps no reservation: what of this server's settings could lose one, in words.
import type { Redis } from 'ioredis';

export interface StoreFindings {
  /** What loses reservations at a restart or before: no promise can be kept on such a server. */
  readonly risks: readonly string[];
  /** What would lose less in a rarer case. Nobody is refused for it: a replica is attached to a running service, too. */
  readonly advice: readonly string[];
}

/** Empty where there is nothing to say. INFO alone: a service's own user may not ask for CONFIG. */
export async function storeFindings(redis: Redis): Promise<StoreFindings> {
  const sections = await Promise.all(
    ['persistence', 'memory', 'replication'].map((section) => redis.info(section)),
  );
  const facts = factsOf(sections.join('\n'));
  const risks: string[] = [];
  const advice: string[] = [];
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
  // Redis says how many good replicas it has only where it is told to have some.
  if (Number(facts.get('connected_slaves')) > 0 && !facts.has('min_slaves_good_slaves')) {
    advice.push(
      'Redis has replicas and takes writes without them: cut off from them it goes on, and what it takes is lost when one ' +
        'of them is promoted. Set min-replicas-to-write to 1.',
    );
  }
  return { risks, advice };
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

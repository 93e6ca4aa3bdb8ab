// Ways around a rate limit that an attacker tries first: another spelling of the path, another header that claims an
// address. Whatever is tried, it counts in the one bucket of the peer. The limits themselves: limits-*.test.ts.
import { afterAll, describe, expect, test } from 'bun:test';
import { minuteForABurst } from './harness/rate-minutes.ts';
import { attack, expectProblem, type Parts, unharmed } from './hostile/target.ts';

const LIMIT = 8;
const target = attack({ HOLDFAST_RATE_OTHER_IP_PER_MINUTE: String(LIMIT), HOLDFAST_RATE_IP_PER_MINUTE: '3' });
afterAll(() => target.close());

describe('one bucket', () => {
  test('for every spelling of a path, and for paths that lead nowhere', async () => {
    const paths = [
      '/api/v1/inventory/A',
      '/api/v1/inventory/%41',
      '/api/v1/inventory/..%2fA',
      '/api/v1/inventory/%00',
      '/api/v1/inventory/A?x=1',
      '/api/v1//inventory/A',
      '/api/v1/inventory/A/',
      '/api/v1/sales/../inventory/A',
    ];
    expect(paths.length).toBe(LIMIT);
    await minuteForABurst(target.stage.redis.url);
    for (const path of paths) expect((await target.ask(path)).status, path).toBe(404);
    for (const path of paths) {
      const answer = await target.ask(path);
      expectProblem(answer, [429, 'rate-limited'], path);
      expect(answer.headers.get('retry-after'), path).toMatch(/^[1-9]\d*$/);
      expect(answer.headers.get('ratelimit-policy'), path).toBe(`"requests";q=${LIMIT};w=60`);
    }
  });

  test('for every header that claims to know the address, from a peer that nobody named as a proxy', async () => {
    const names = [
      'X-Forwarded-For',
      'Forwarded',
      'X-Real-IP',
      'X-Client-IP',
      'True-Client-IP',
      'CF-Connecting-IP',
      'X-Forwarded',
      'Via',
    ];
    await minuteForABurst(target.stage.redis.url);
    let passed = 0;
    for (const [index, name] of names.entries()) {
      for (const value of [
        `198.51.100.${index}`,
        `2001:db8:${index}::1`,
        '127.0.0.1',
        `for=203.0.113.${index}`,
      ]) {
        const headers: Parts['headers'] = [[name, value]];
        if ((await target.ask('/api/v1/sales/none', { headers })).status === 404) passed += 1;
      }
    }
    // What the first test left in the window counts as well.
    expect(passed).toBeLessThanOrEqual(LIMIT);
  });
});

unharmed(target);

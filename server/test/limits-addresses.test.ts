// Whose address an attempt counts against, over real sockets: a stranger's X-Forwarded-For changes nothing, a trusted
// proxy's tells the client, and one line of a customer is one bucket however its address is written.
import { describe, expect, test } from 'bun:test';
import { attempt } from './harness/ask.ts';
import { sharedFleet } from './harness/fleet.ts';
import { minuteForABurst } from './harness/rate-minutes.ts';
import { makeSale } from './harness/service.ts';

const LIMIT = 3;
const rates = { HOLDFAST_RATE_IP_PER_MINUTE: String(LIMIT) };
const [TRUSTING, TRUSTING_ALL, TRUSTING_NOBODY, ON_EVERY_ADDRESS] = [0, 1, 2, 3];
const fleet = sharedFleet({
  environments: [
    { ...rates, HOLDFAST_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8, 2001:db8:ffff::/48' },
    { ...rates, HOLDFAST_TRUSTED_PROXIES: '0.0.0.0/0' },
    rates,
    { ...rates, HOST: '::', HOLDFAST_TRUSTED_PROXIES: '127.0.0.1' },
  ],
});

let salesMade = 0;

/**
 * Attempts from each of these X-Forwarded-For, one after another, each by another customer; true where it passed.
 * In a fresh sale, so with fresh windows.
 */
async function passes(url: string, from: readonly (string | undefined)[]): Promise<boolean[]> {
  salesMade += 1;
  const { sku } = await makeSale(fleet.url(TRUSTING), { a: 100 });
  await minuteForABurst(fleet.redis.url);
  const passed: boolean[] = [];
  for (const [n, address] of from.entries()) {
    const as = `customer-${salesMade}-${n}`;
    const reply = await attempt(url, sku('a'), { as, ...(address !== undefined && { from: address }) });
    expect([201, 429]).toContain(reply.status);
    if (reply.status === 429) expect(reply.headers.get('ratelimit-policy')).toBe(`"reserve";q=${LIMIT};w=60`);
    passed.push(reply.status === 201);
  }
  return passed;
}

const ONE_BUCKET = [true, true, true, false, false];

describe('one bucket', () => {
  const cases: [name: string, service: number, from: readonly (string | undefined)[]][] = [
    [
      'the addresses of an IPv6 /64',
      TRUSTING,
      [
        '2001:db8:1:2::1',
        '2001:DB8:1:2::2',
        '2001:db8:1:2:ffff:ffff:ffff:ffff',
        '2001:db8:1:2::',
        '[2001:db8:1:2::9]:443',
      ],
    ],
    [
      'an IPv4 address and its mappings into IPv6',
      TRUSTING,
      ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:201', '[::ffff:192.0.2.1]:80', '192.0.2.1:4711'],
    ],
    [
      'whatever a client writes itself, left of what the trusted proxy adds',
      TRUSTING,
      [
        '1.1.1.1, 198.51.100.7',
        '2.2.2.2,198.51.100.7',
        '10.0.0.1, 198.51.100.7',
        '127.0.0.1,198.51.100.7',
        'x, 198.51.100.7',
      ],
    ],
    [
      'a client behind several trusted proxies',
      TRUSTING,
      [
        '198.51.100.8',
        '198.51.100.8, 10.1.1.1',
        '198.51.100.8, 10.1.1.1, 10.2.2.2',
        '9.9.9.9, 198.51.100.8, 127.0.0.1',
        '198.51.100.8, 2001:db8:ffff::1',
      ],
    ],
    [
      'headers in which the last proxy named nobody: they count against that proxy',
      TRUSTING,
      [undefined, '', 'unknown', '198.51.100.9, _hidden', '198.51.100.9, 999.1.1.1'],
    ],
    [
      'a malformed entry ends the walk at the proxy that wrote it',
      TRUSTING,
      [
        '198.51.100.1, garbage, 10.7.7.7',
        '198.51.100.2, , 10.7.7.7',
        '0177.0.0.1, 10.7.7.7',
        '1.2.3, 10.7.7.7',
        '10.7.7.7',
      ],
    ],
    [
      'a stranger that rotates the header',
      TRUSTING_NOBODY,
      ['198.51.100.1', '198.51.100.2', '2001:db8::1', '10.0.0.1, 198.51.100.3', undefined],
    ],
    [
      'a header with more hops than are walked',
      TRUSTING_ALL,
      Array.from({ length: 5 }, (_, n) => `198.51.100.${n}, ${'10.0.0.9, '.repeat(40)}10.0.0.9`),
    ],
  ];
  for (const [name, service, from] of cases) {
    test(name, async () => {
      expect(await passes(fleet.url(service), from)).toEqual(ONE_BUCKET);
    });
  }
});

describe('different buckets', () => {
  const cases: [name: string, from: readonly string[]][] = [
    ['two IPv6 /64s', ['2001:db8:1:2::1', '2001:db8:1:3::1']],
    ['neighbours in IPv4', ['192.0.2.1', '192.0.2.2']],
    ['two clients behind the same two proxies', ['198.51.100.1, 10.1.1.1', '198.51.100.2, 10.1.1.1']],
    ['an IPv6 /64 that looks like the mapped prefix', ['::ffff:192.0.2.1', '::fffe:192.0.2.1']],
  ];
  for (const [name, [one = '', other = '']] of cases) {
    test(name, async () => {
      const from = [one, one, one, one, other, other, other, other];
      expect(await passes(fleet.url(TRUSTING), from)).toEqual([
        true,
        true,
        true,
        false,
        true,
        true,
        true,
        false,
      ]);
    });
  }
});

describe('a service that listens on IPv6 and IPv4 alike', () => {
  const port = () => new URL(fleet.url(ON_EVERY_ADDRESS)).port;

  test('sees a proxy that comes by IPv4 as the IPv4 address that was named', async () => {
    const url = `http://127.0.0.1:${port()}`;
    const from = ['198.51.100.1', '198.51.100.1', '198.51.100.1', '198.51.100.1', '198.51.100.2'];
    expect(await passes(url, from)).toEqual([true, true, true, false, true]);
  });

  test('counts a peer that comes by IPv6 and was not named as itself, whatever it writes', async () => {
    const url = `http://[::1]:${port()}`;
    expect(await passes(url, ['198.51.100.1', '198.51.100.2', '::1', undefined, '10.0.0.1'])).toEqual(
      ONE_BUCKET,
    );
  });
});

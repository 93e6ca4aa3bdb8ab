// One client, one bucket: however the address is written, and whatever a stranger puts into X-Forwarded-For.
import { describe, expect, test } from 'bun:test';
import { createClientAddress } from '../src/http/addresses.ts';

const addressOf = (trusted: string[], peer: string, forwardedFor?: string): string =>
  createClientAddress(trusted)(
    new Headers(forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }),
    peer,
  );

describe('one spelling', () => {
  const same: [name: string, peers: string[], spelled: string][] = [
    ['IPv4 and its IPv6 mapping', ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:201'], '192.0.2.1'],
    [
      'a /64',
      ['2001:db8:1:2::1', '2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2:0:0:0:0'],
      '2001:db8:1:2::/64',
    ],
    ['loopback', ['::1'], '::/64'],
    ['a zone', ['fe80::1%eth0', 'fe80::2%eth1'], 'fe80::/64'],
    ['nothing to tell', ['', 'unix', '999.1.1.1'], ''],
  ];
  for (const [name, peers, spelled] of same) {
    test(name, () => {
      expect(peers.map((peer) => addressOf([], peer))).toEqual(peers.map(() => spelled));
    });
  }
});

describe('X-Forwarded-For', () => {
  const cases: [
    name: string,
    trusted: string[],
    peer: string,
    header: string | undefined,
    address: string,
  ][] = [
    ['from a stranger is ignored', [], '203.0.113.7', '198.51.100.1', '203.0.113.7'],
    ['from an untrusted peer is ignored', ['10.0.0.0/8'], '203.0.113.7', '198.51.100.1', '203.0.113.7'],
    ['from a trusted proxy counts', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    [
      'what the client wrote itself does not',
      ['10.0.0.0/8'],
      '10.1.2.3',
      '1.1.1.1, 198.51.100.1',
      '198.51.100.1',
    ],
    [
      'trusted hops are walked through',
      ['10.0.0.0/8'],
      '10.1.2.3',
      '1.1.1.1, 198.51.100.1, 10.9.9.9',
      '198.51.100.1',
    ],
    ['a mapped proxy address is its IPv4', ['10.1.2.3'], '::ffff:10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['IPv6 behind a proxy counts by /64', ['::1'], '::1', '2001:db8::5', '2001:db8::/64'],
    ['ports and brackets are dropped', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1:4711', '198.51.100.1'],
    ['brackets too', ['10.0.0.0/8'], '10.1.2.3', '[2001:db8::5]:443', '2001:db8::/64'],
    ['nonsense ends the walk', ['10.0.0.0/8'], '10.1.2.3', '198.51.100.1, unknown', '10.1.2.3'],
    ['octal is nonsense', ['10.0.0.0/8'], '10.1.2.3', '0177.0.0.1', '10.1.2.3'],
    ['none at all leaves the proxy', ['10.0.0.0/8'], '10.1.2.3', undefined, '10.1.2.3'],
    ['empty leaves the proxy', ['10.0.0.0/8'], '10.1.2.3', '', '10.1.2.3'],
    ['all trusted gives the first', ['10.0.0.0/8'], '10.1.2.3', '10.0.0.1, 10.0.0.2', '10.0.0.1'],
    ['everyone trusted by a /0', ['0.0.0.0/0'], '203.0.113.7', '198.51.100.1', '198.51.100.1'],
  ];
  for (const [name, trusted, peer, header, address] of cases) {
    test(name, () => {
      expect(addressOf(trusted, peer, header)).toBe(address);
    });
  }

  test('a thousand hops are not walked', () => {
    const hops = Array.from({ length: 1_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(', ');
    expect(addressOf(['10.0.0.0/8'], '10.1.2.3', `198.51.100.1, ${hops}`)).toStartWith('10.');
  });

  test('a proxy range that is none does not start', () => {
    for (const range of ['', 'proxy', '10.0.0.0/33', '10.0.0.0/x', '::/129', '10.0.0.0/-1']) {
      expect(() => createClientAddress([range])).toThrow('not an address or CIDR range');
    }
  });
});

// The client's address as the rate limits count it. X-Forwarded-For is believed only as far as the proxies named
// in the configuration wrote it: from the right, each trusted hop vouches for the one before it. IPv6 counts by
// /64, since one customer's line has a whole one; an IPv4-mapped address is its IPv4.

import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Tells a request's client address, in one spelling, or '' if there is none to tell (then it is not counted). */
export type ClientAddress = (headers: Headers, peerAddress: string) => string;

/** More proxies than this in a row is a loop; the walk ends there. */
const MAX_HOPS = 16;
/** Peers whose spelling is remembered: parsing is the dear part on the hot path. */
const REMEMBERED_PEERS = 10_000;

/** @param trustedProxies addresses or CIDR ranges. @throws on one that is neither. */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = trustedProxies.map(parseRange);
  const spelling = new LRUCache<string, string>({ max: REMEMBERED_PEERS });

  const isTrusted = (address: Address): boolean =>
    trusted.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));

  return (headers, peerAddress) => {
    if (trusted.length > 0) {
      const peer = parse(peerAddress);
      if (peer && isTrusted(peer)) return spell(lastUntrusted(peer, headers.get('x-forwarded-for')));
    }
    let spelled = spelling.get(peerAddress);
    if (spelled === undefined) {
      const peer = parse(peerAddress);
      spelled = peer ? spell(peer) : '';
      spelling.set(peerAddress, spelled);
    }
    return spelled;
  };

  function lastUntrusted(peer: Address, forwardedFor: string | null): Address {
    let client = peer;
    const hops = forwardedFor?.split(',') ?? [];
    for (const hop of hops.reverse().slice(0, MAX_HOPS)) {
      const address = parse(hop);
      if (!address) break; // Whoever wrote this is the last one that can be counted.
      client = address;
      if (!isTrusted(address)) break;
    }
    return client;
  }
}

/** An address, with or without a port, as proxies write them; undefined if it is none. */
function parse(text: string): Address | undefined {
  const bare = text
    .trim()
    .replace(/^\[([^\]]+)\](?::\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare);
  return ipaddr.IPv6.isValid(bare) ? ipaddr.process(bare) : undefined;
}

function parseRange(range: string): [Address, number] {
  const [text = '', bits] = range.split('/');
  const address = parse(text);
  const full = address?.kind() === 'ipv4' ? 32 : 128;
  const length = bits === undefined ? full : Number(bits);
  if (!address || !Number.isInteger(length) || length < 0 || length > full) {
    throw new Error(`not an address or CIDR range: ${JSON.stringify(range)}`);
  }
  return [address, length];
}

function spell(address: Address): string {
  if (address.kind() === 'ipv4') return address.toString();
  const network = address.toByteArray().fill(0, 8);
  return `${ipaddr.fromByteArray(network).toString()}/64`;
}

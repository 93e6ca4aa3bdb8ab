// Certificates for tests: an authority of the test's own, and what it issues. Made here from node:crypto and the little of
// DER that a certificate takes, so that no machine needs a program or a package for it. X.509 as RFC 5280 has it.
import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate and its private key, as PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Authority {
  /** Its certificate, as PEM: what is to be trusted. */
  readonly certificate: string;
  /** A certificate for these host names and addresses; `expired` since an hour ago. */
  issue(names: readonly string[], options?: { readonly expired?: boolean }): Pair;
}

const HOUR_MS = 3_600_000;
const VALID_MS = 24 * HOUR_MS;

export function makeAuthority(name: string): Authority {
  const { publicKey, privateKey } = newKeys();
  const own = { name, key: privateKey, id: keyId(publicKey) };
  const extensions = [
    extension(OID.basicConstraints, sequence(TRUE), 'critical'),
    extension(OID.keyUsage, bits(Buffer.from([0x06]), 1), 'critical'), // keyCertSign, cRLSign
  ];
  const nowMs = Date.now();
  const certificate = certificateOf(own, name, publicKey, [nowMs - HOUR_MS, nowMs + VALID_MS], extensions);
  return {
    certificate,
    issue: (names, { expired = false } = {}) => {
      const keys = newKeys();
      const untilMs = expired ? nowMs - HOUR_MS : nowMs + VALID_MS;
      const pem = certificateOf(
        own,
        names[0] ?? 'nobody',
        keys.publicKey,
        [untilMs - VALID_MS * 2, untilMs],
        [
          extension(OID.basicConstraints, sequence()),
          extension(OID.extendedKeyUsage, sequence(oid(OID.serverAuth), oid(OID.clientAuth))),
          extension(OID.subjectAltName, sequence(...names.map(alternativeName))),
        ],
      );
      return { certificate: pem, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
  readonly id: Buffer;
}

function certificateOf(
  issuer: Issuer,
  subject: string,
  publicKey: KeyObject,
  validMs: readonly [from: number, until: number],
  extensions: readonly Buffer[],
): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])), // serial number, positive
    algorithm,
    distinguishedName(issuer.name),
    sequence(...validMs.map(time)),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        ...extensions,
        extension(OID.subjectKeyIdentifier, der(0x04, keyId(publicKey))),
        extension(OID.authorityKeyIdentifier, sequence(der(0x80, issuer.id))),
      ),
    ),
  );
  const signature = bits(sign('sha256', content, issuer.key), 0);
  return new X509Certificate(sequence(content, algorithm, signature)).toString();
}

const OID = {
  ecdsaWithSha256: [1, 2, 840, 10045, 4, 3, 2],
  commonName: [2, 5, 4, 3],
  subjectKeyIdentifier: [2, 5, 29, 14],
  keyUsage: [2, 5, 29, 15],
  subjectAltName: [2, 5, 29, 17],
  basicConstraints: [2, 5, 29, 19],
  authorityKeyIdentifier: [2, 5, 29, 35],
  extendedKeyUsage: [2, 5, 29, 37],
  serverAuth: [1, 3, 6, 1, 5, 5, 7, 3, 1],
  clientAuth: [1, 3, 6, 1, 5, 5, 7, 3, 2],
} as const;

const TRUE = der(0x01, Buffer.from([0xff]));

function newKeys() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid(OID.commonName), der(0x0c, Buffer.from(commonName)))));
}

function alternativeName(name: string): Buffer {
  if (isIP(name) === 4) return der(0x87, Buffer.from(name.split('.').map(Number)));
  return der(0x82, Buffer.from(name));
}

function extension(id: readonly number[], value: Buffer, critical?: 'critical'): Buffer {
  return sequence(oid(id), ...(critical === undefined ? [] : [TRUE]), der(0x04, value));
}

/** UTCTime: good until 2049. */
function time(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(text.slice(2)));
}

function bits(content: Buffer, unused: number): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([unused]), content]));
}

function oid([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  const digits = rest.flatMap((arc) => {
    const low = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) low.unshift((left & 0x7f) | 0x80);
    return low;
  });
  return der(0x06, Buffer.from([first * 40 + second, ...digits]));
}

function sequence(...members: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(members));
}

/** Tag, length, content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const header =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...header]), content]);
}

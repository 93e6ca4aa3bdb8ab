// A shop's identity provider: key pairs of every kind, tokens signed with them, and a JWKS on loopback that can rotate
// its keys, fall silent, and counts who asks.
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTHeaderParameters,
  SignJWT,
} from 'jose';

export type Algorithm = 'RS256' | 'ES256' | 'EdDSA';
export const ALGORITHMS: readonly Algorithm[] = ['RS256', 'ES256', 'EdDSA'];

export interface SigningKey {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly pem: string;
  /** The public half. */
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly privateKey: CryptoKey;
  /** A token as the service wants it; claims and header parameters may be changed. */
  sign(claims?: object, header?: Partial<JWTHeaderParameters>): Promise<string>;
}

export async function makeKey(kid: string, alg: Algorithm = 'ES256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return {
    kid,
    alg,
    pem: await exportSPKI(publicKey),
    jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
    privateKey,
    sign: (claims = {}, header = {}) =>
      new SignJWT({ ...honestClaims(), ...claims })
        .setProtectedHeader({ alg, kid, ...header })
        .sign(privateKey),
  };
}

/** Of a customer, good for a quarter of an hour. */
export function honestClaims(sub = 'customer') {
  const iat = Math.floor(Date.now() / 1000);
  return { sub, iat, exp: iat + 900, iss: 'holdfast', aud: 'holdfast-api' };
}

export interface KeyServer {
  readonly url: string;
  /** Times it was asked so far. */
  readonly asked: () => number;
  /** What it answers from now on: these keys, or a failure. */
  publish(...keys: readonly (SigningKey | Readonly<Record<string, unknown>>)[]): void;
  fail(): void;
  stop(): Promise<void>;
}

export function startKeyServer(): KeyServer {
  let keys: readonly object[] | null = null;
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch() {
      asked += 1;
      return keys === null ? new Response('', { status: 503 }) : Response.json({ keys });
    },
  });
  return {
    url: server.url.href,
    asked: () => asked,
    publish: (...given) => {
      keys = given.map((key) => ('jwk' in key ? (key.jwk as object) : key));
    },
    fail: () => {
      keys = null;
    },
    stop: () => server.stop(true),
  };
}

// Checks access tokens (JWT, RFC 8725): an exact list of algorithms, each tied to its own kind of key, so a
// public key can never serve as an HMAC secret; keys come from the configuration alone, never from the token.
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { TOKEN_LIFETIME_SECONDS } from '@holdfast/contract/auth';
import { OPERATOR_SCOPE } from '@holdfast/contract/operation';
import { CustomerId } from '@holdfast/contract/vocabulary';
import { errors, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose';
import { KeySet, KeysUnavailable } from './key-set.ts';
import { PlainTokens } from './plain-tokens.ts';

export interface AuthConfig {
  /** HS256, ≥ 32 bytes. Also what the built-in issuer signs with. */
  readonly hmacSecret?: Uint8Array;
  /** RS256, ES256 or EdDSA, by the kind of key. */
  readonly publicKeyPem?: string;
  /** RS256, ES256 and EdDSA keys, by `kid`. */
  readonly jwksUrl?: string;
  readonly issuer: string;
  readonly audience: string;
}

/** What a good token says. */
export interface TokenFacts {
  readonly sub: string;
  readonly operator: boolean;
  readonly expiresAtSeconds: number;
}

/** Allowed difference between the issuer's clock and ours. */
export const CLOCK_TOLERANCE_SECONDS = 5;
/** Honest tokens have some 300 bytes; what is longer is not worth parsing. */
const MAX_TOKEN_BYTES = 4 * 1024;
const JWKS_ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
/** Header parameters that carry a key or say where to fetch one: an issuer of ours has no use for them. */
const FOREIGN_KEY_PARAMETERS = ['jwk', 'jku', 'x5u'] as const;
/** Tokens of other kinds, such as logout tokens, may come from the same issuer with the same audience (RFC 8725 §3.11). */
const ACCESS_TOKEN_TYPE = /^(application\/)?(at\+)?jwt$/i;

/** Undefined for a token that is not valid here; `expired` for one that was. */
export type Verdict = TokenFacts | 'expired' | undefined;

export interface TokenChecker {
  /** Most tokens under a secret are judged at once. @throws KeysUnavailable */
  verify(token: string): Verdict | Promise<Verdict>;
}

/**
 * @param onKeysUnavailable told once when the key set gets out of reach, not again until it was reached.
 * @throws if no key is configured or the public key is of a kind that is not allowed.
 */
export function createTokenChecker(
  config: AuthConfig,
  onKeysUnavailable: (cause: unknown) => void,
): TokenChecker {
  const { algorithms, keyFor } = chooseKeys(config, onKeysUnavailable);
  const rules = {
    algorithms,
    issuer: config.issuer,
    audience: config.audience,
    requiredClaims: ['sub', 'iat', 'exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };
  const plain =
    config.hmacSecret &&
    new PlainTokens(config.hmacSecret, { ...config, clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS });

  const verifyByJose = async (token: string): Promise<Verdict> => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keyFor, rules);
      if (protectedHeader.alg === 'HS256') plain?.learn(token);
      return factsOf(payload);
    } catch (error) {
      if (error instanceof KeysUnavailable) throw error;
      return error instanceof errors.JWTExpired ? 'expired' : undefined;
    }
  };
  return {
    verify(token) {
      if (token.length > MAX_TOKEN_BYTES) return undefined;
      const claims = plain?.claimsOf(token);
      return claims ? factsOf(claims) : verifyByJose(token);
    },
  };
}

/** What jose leaves open: types, lifetime, an iat in the future, the form of the subject. */
function factsOf({ sub, exp, iat, scope }: Readonly<Record<string, unknown>>): TokenFacts | undefined {
  if (typeof exp !== 'number' || typeof iat !== 'number' || typeof sub !== 'string') return undefined;
  const lifetimeSeconds = exp - iat;
  if (!(lifetimeSeconds > 0 && lifetimeSeconds <= TOKEN_LIFETIME_SECONDS)) return undefined;
  if (iat > Date.now() / 1000 + CLOCK_TOLERANCE_SECONDS) return undefined;
  if (!CustomerId.safeParse(sub).success) return undefined;
  const operator = typeof scope === 'string' && scope.split(' ').includes(OPERATOR_SCOPE);
  return { sub, operator, expiresAtSeconds: exp };
}

function chooseKeys(
  config: AuthConfig,
  onKeysUnavailable: (cause: unknown) => void,
): { algorithms: string[]; keyFor: JWTVerifyGetKey } {
  const secret = config.hmacSecret && createSecretKey(config.hmacSecret);
  const fixed = config.publicKeyPem === undefined ? undefined : readPublicKey(config.publicKeyPem);
  const remote = config.jwksUrl === undefined ? undefined : new KeySet(config.jwksUrl, onKeysUnavailable);
  const algorithms = new Set([
    ...(secret ? ['HS256'] : []),
    ...(fixed ? [fixed.algorithm] : []),
    ...(remote ? JWKS_ALGORITHMS : []),
  ]);
  if (algorithms.size === 0)
    throw new Error('no key to check access tokens with: set a secret, a public key or a JWKS URL');

  const keyFor: JWTVerifyGetKey = (header, token) => {
    if (FOREIGN_KEY_PARAMETERS.some((parameter) => header[parameter] !== undefined))
      throw new errors.JWSInvalid();
    if (!isAccessTokenType(header.typ)) throw new errors.JWSInvalid();
    if (header.alg === 'HS256' && secret) return secret;
    if (header.alg === fixed?.algorithm) return fixed.key;
    if (remote) return remote.find(header, token);
    throw new errors.JOSEAlgNotAllowed();
  };
  return { algorithms: [...algorithms], keyFor };
}

/** None, or one that names an access token; jose has not looked at its form. */
function isAccessTokenType(typ: unknown): boolean {
  return typ === undefined || (typeof typ === 'string' && ACCESS_TOKEN_TYPE.test(typ));
}

const ALGORITHM_OF_KEY: Readonly<Record<string, string>> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };

function readPublicKey(pem: string): { key: KeyObject; algorithm: string } {
  const key = createPublicKey(pem);
  const algorithm = ALGORITHM_OF_KEY[key.asymmetricKeyType ?? ''];
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (algorithm === undefined || (algorithm === 'ES256' && curve !== 'prime256v1' && curve !== 'P-256')) {
    throw new Error('the public key must be RSA (RS256), EC P-256 (ES256) or Ed25519 (EdDSA)');
  }
  return { key, algorithm };
}

/** The built-in issuer, for trying the service out: customers only, never a scope. */
export function issueToken(config: AuthConfig, secret: Uint8Array, sub: string): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuer(config.issuer)
    .setAudience(config.audience)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + TOKEN_LIFETIME_SECONDS)
    .sign(secret);
}

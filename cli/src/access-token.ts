// Minting access tokens with the service's own secret (HS256, RFC 7519): for operators and for trials, on the
// machine that has the secret. A shop's own identity provider does this in production.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The longest life the service accepts (exp − iat). */
export const TOKEN_LIFETIME_SECONDS = 900;
export const OPERATOR_SCOPE = 'holdfast:operator';

export interface Signer {
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** The signer that these variables describe, as the service reads them. The secret's text itself is the key. */
export function signerOf(secret: string, env: Env): Signer {
  return {
    secret,
    issuer: env.HOLDFAST_JWT_ISSUER || 'holdfast',
    audience: env.HOLDFAST_JWT_AUDIENCE || 'holdfast-api',
  };
}

/** Where a service that was given no secret keeps the one it made. */
export function secretFile(env: Env): string {
  return path.resolve(env.HOLDFAST_DATA_DIR || '.holdfast', 'secrets', 'jwt');
}

/** The secret of the environment, else of the data folder; undefined if neither has one. */
export function findSecret(env: Env): string | undefined {
  if (env.HOLDFAST_JWT_SECRET) return env.HOLDFAST_JWT_SECRET;
  try {
    return readFileSync(secretFile(env), 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A token for this customer or operator, good from `nowMs` on for TOKEN_LIFETIME_SECONDS. */
export function mintToken(signer: Signer, subject: string, scope?: string, nowMs = Date.now()): string {
  const iat = Math.floor(nowMs / 1000);
  const claims = {
    iss: signer.issuer,
    aud: signer.audience,
    sub: subject,
    iat,
    exp: iat + TOKEN_LIFETIME_SECONDS,
    ...(scope === undefined ? {} : { scope }),
  };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', signer.secret).update(signed).digest('base64url')}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

// The way into the console that a start in development prints: its address with an operator's token in the fragment,
// which no browser sends to any server. The page takes it from there and clears it away. Only for a service that signs
// with the secret it made for itself in its data folder; one with keys of a shop has operators of its own.
import { createHmac } from 'node:crypto';
import { OPERATOR_SCOPE } from '@holdfast/contract/operation';
import type { Config } from '../config.ts';

/** The longest that the service takes; after that `holdfast token --operator` gives another. */
const LIFETIME_SECONDS = 900;
const SUBJECT = 'operator';

export interface LinkSecret {
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
}

/** The secret to sign with, or null where no link is to be printed: in production, and with a key that was given. */
export function linkSecretOf(
  config: Pick<Config, 'production' | 'tokens'>,
  ownSecret: string,
): LinkSecret | null {
  if (config.production || config.tokens.key !== null) return null;
  return { secret: ownSecret, issuer: config.tokens.issuer, audience: config.tokens.audience };
}

/** Good for LIFETIME_SECONDS from `nowMs` on. */
export function consoleLink(
  url: string,
  { secret, issuer, audience }: LinkSecret,
  nowMs = Date.now(),
): string {
  const iat = Math.floor(nowMs / 1000);
  const claims = {
    iss: issuer,
    aud: audience,
    sub: SUBJECT,
    iat,
    exp: iat + LIFETIME_SECONDS,
    scope: OPERATOR_SCOPE,
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${url}/console#token=${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

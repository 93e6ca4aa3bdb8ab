// Tokens by hand, as an attacker makes them, and the one answer they all get.
import { expect } from 'bun:test';
import { createHmac } from 'node:crypto';
import type { AuthConfig } from '../src/http/access-tokens.ts';
import { AUDIENCE, fakeWorld, ISSUER, problemOf, SECRET } from './http-fakes.ts';

export const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);
export const goodClaims = () => ({
  sub: 'alice',
  iss: ISSUER,
  aud: AUDIENCE,
  iat: nowSeconds(),
  exp: nowSeconds() + 900,
});

/** Signed with our secret, whatever the header says. */
export function handMade(header: object, claims: object, secret: string | Uint8Array = SECRET): string {
  const body = `${encode(header)}.${encode(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

export function statusWith(bearer: string, auth?: AuthConfig): Promise<Response> {
  return fakeWorld(auth && { auth }).send('/api/v1/orders', { token: bearer });
}

export async function expect401(bearer: string, auth?: AuthConfig): Promise<void> {
  const response = await statusWith(bearer, auth);
  expect(response.status).toBe(401);
  expect(response.headers.get('www-authenticate')).toBe('Bearer realm="holdfast", error="invalid_token"');
  const text = await response.clone().text();
  expect((await problemOf(response)).code).toBe('unauthenticated');
  if (bearer.length > 20) expect(text).not.toContain(bearer.slice(0, 20));
}

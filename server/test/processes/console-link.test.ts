// The console's link: an operator's token in the fragment, for services that made their own secret, and no others.
import { describe, expect, test } from 'bun:test';
import { jwtVerify } from 'jose';
import { consoleLink, linkSecretOf } from '../../src/processes/console-link.ts';

const OWN = 'x'.repeat(64);
const tokens = { key: null, issuer: 'holdfast', audience: 'holdfast-api', demoIssuer: true };

describe('the console link', () => {
  test('carries a token that the service takes from operators, where no server sees it', async () => {
    const secret = linkSecretOf({ production: false, tokens }, OWN);
    if (secret === null) throw new Error('no link');
    const link = new URL(consoleLink('http://127.0.0.1:8080', secret));
    expect(link.pathname + link.search).toBe('/console');
    const token = new URLSearchParams(link.hash.slice(1)).get('token') ?? '';
    const { payload } = await jwtVerify(token, Buffer.from(OWN), {
      issuer: 'holdfast',
      audience: 'holdfast-api',
    });
    expect(payload.scope).toBe('holdfast:operator');
    expect(Number(payload.exp) - Number(payload.iat)).toBe(900);
  });

  test('is not made in production, nor with a key that was given', () => {
    const given = { ...tokens, key: { kind: 'secret', secret: OWN } as const };
    expect(linkSecretOf({ production: true, tokens }, OWN)).toBeNull();
    expect(linkSecretOf({ production: false, tokens: given }, OWN)).toBeNull();
  });
});

// The built-in token issuer, for trying the service out. It never gives an operator's token.
import { randomUUID } from 'node:crypto';
import { issueToken as issueTokenOperation, TOKEN_LIFETIME_SECONDS } from '@holdfast/contract/auth';
import { type AuthConfig, issueToken } from './access-tokens.ts';
import { type Endpoint, endpoint, type Outcome } from './endpoint.ts';

const OFF: Outcome<never> = {
  ok: false,
  refusal: {
    code: 'demo-auth-off',
    detail: 'This service takes tokens from its own identity provider. Get one there.',
  },
};

/** `demoAuth` off, or no secret to sign with: every request is refused. */
export function tokenRoutes(auth: AuthConfig, demoAuth: boolean): Endpoint[] {
  return [
    endpoint(issueTokenOperation, async ({ body }) => {
      if (!demoAuth || !auth.hmacSecret) return OFF;
      const sub = body.customer_id ?? `guest-${randomUUID()}`;
      const accessToken = await issueToken(auth, auth.hmacSecret, sub);
      const value = {
        access_token: accessToken,
        token_type: 'Bearer',
        expires_in: TOKEN_LIFETIME_SECONDS,
      } as const;
      return { ok: true, value };
    }),
  ];
}

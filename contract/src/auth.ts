// The built-in token issuer: for trying Holdfast out. A shop brings its own identity provider.
import * as z from 'zod';
import { operation } from './operation.ts';
import { CustomerId } from './vocabulary.ts';

/** The longest lifetime (exp − iat) a token may have, and the one the built-in issuer gives. */
export const TOKEN_LIFETIME_SECONDS = 900;

export const TokenBody = z
  .strictObject({ customer_id: CustomerId.optional().meta({ description: 'A random guest, if left out.' }) })
  .meta({ examples: [{ customer_id: 'customer-42' }] });

export const Token = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.literal(TOKEN_LIFETIME_SECONDS).meta({ description: 'Seconds.' }),
  })
  .meta({
    examples: [
      {
        access_token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjdXN0b21lci00MiJ9.…',
        token_type: 'Bearer',
        expires_in: 900,
      },
    ],
  });

export const issueToken = operation({
  id: 'issueToken',
  tag: 'Access',
  method: 'POST',
  path: '/api/v1/auth/token',
  summary: 'A token for trying it out',
  description: 'Customers only, never operators. Off in production unless it is switched on.',
  access: 'public',
  body: { schema: TokenBody, optional: true },
  limit: 'requests',
  success: { status: 200, description: 'A bearer token.', schema: Token },
  problems: ['demo-auth-off'],
});

export type TokenBody = z.infer<typeof TokenBody>;
export type Token = z.infer<typeof Token>;

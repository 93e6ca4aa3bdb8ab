// Who is at the console: reads what was pasted or came with a link, and says whose it is, or why it will not do.
import { readToken } from '../../shared/access-token.ts';

const OPERATOR_SCOPE = 'holdfast:operator';
/** The service takes tokens up to 4 KiB; what is longer was not copied from `holdfast token`. */
const MAX_TOKEN_LENGTH = 4_096;

export interface Access {
  readonly token: string;
  readonly operator: string;
  readonly endsAtMs: number;
}

export type Reading =
  | { readonly kind: 'access'; readonly access: Access }
  | { readonly kind: 'no token' }
  | { readonly kind: 'not an operator'; readonly subject: string };

export function readAccess(text: string): Reading {
  const token = text.trim().replace(/^Bearer\s+/i, '');
  const facts = token.length <= MAX_TOKEN_LENGTH && !/\s/.test(token) ? readToken(token) : undefined;
  if (facts === undefined) return { kind: 'no token' };
  if (!facts.scopes.includes(OPERATOR_SCOPE)) return { kind: 'not an operator', subject: facts.subject };
  return { kind: 'access', access: { token, operator: facts.subject, endsAtMs: facts.expiresAtMs } };
}

/** What is pasted may be the whole link that `npm start` prints. */
export function tokenIn(pasted: string): string {
  const fragment = pasted.indexOf('#');
  return fragment < 0 ? pasted : (takeFromFragment(pasted.slice(fragment)).token ?? pasted);
}

/** The token in a fragment such as `#token=ey…`, and the fragment without it. */
export function takeFromFragment(fragment: string): { readonly token: string | null; readonly rest: string } {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
  const token = parameters.get('token');
  parameters.delete('token');
  return { token, rest: parameters.toString() };
}

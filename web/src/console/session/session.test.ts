// a-token-leaves-no-trace: out of the address bar at once, in this tab only, and a refused one ends the session.
import { describe, expect, test } from 'bun:test';
import { readAccess, takeFromFragment, tokenIn } from './access.ts';
import { openSession, Session } from './session.ts';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (claims: object) => `${part({ alg: 'HS256' })}.${part(claims)}.c2lnbmVk`;
const OPERATOR = tokenOf({ sub: 'olga', exp: 2_000_000_000, scope: 'other holdfast:operator' });
const CUSTOMER = tokenOf({ sub: 'alice', exp: 2_000_000_000 });

function browserAt(hash: string) {
  const replaced: string[] = [];
  const location = { hash, pathname: '/console/audit', search: '?sale=a' } as Location;
  const history = {
    state: null,
    replaceState: (_: unknown, __: string, to: string) => replaced.push(to),
  } as never;
  return { location, history, replaced };
}

describe('a token', () => {
  test('says whose it is and when it ends', () => {
    expect(readAccess(` Bearer ${OPERATOR}\n`)).toEqual({
      kind: 'access',
      access: { token: OPERATOR, operator: 'olga', endsAtMs: 2_000_000_000_000 },
    });
  });

  test('of a customer, and what is none, are told apart', () => {
    expect(readAccess(CUSTOMER)).toEqual({ kind: 'not an operator', subject: 'alice' });
    for (const text of ['', 'x', 'a.b.c', `${OPERATOR} ${OPERATOR}`, `${'a'.repeat(5_000)}.b.c`]) {
      expect(readAccess(text)).toEqual({ kind: 'no token' });
    }
    const lookalike = tokenOf({ sub: 'eve', exp: 1, scope: 'holdfast:operators' });
    expect(readAccess(lookalike)).toEqual({ kind: 'not an operator', subject: 'eve' });
  });

  test('is found in the whole link that was pasted', () => {
    expect(tokenIn(`http://127.0.0.1:8080/console#token=${OPERATOR}`)).toBe(OPERATOR);
    expect(tokenIn(OPERATOR)).toBe(OPERATOR);
    expect(takeFromFragment('#a=1&token=t')).toEqual({ token: 't', rest: 'a=1' });
  });
});

describe('a session', () => {
  test('takes the token out of the address bar, and keeps the page and its search', () => {
    const { location, history, replaced } = browserAt(`#token=${OPERATOR}`);
    const session = new Session();
    openSession(session, location, history);
    expect(replaced).toEqual(['/console/audit?sale=a']);
    expect(session.state).toMatchObject({ kind: 'in', access: { operator: 'olga' } });
    session.signOut();
  });

  test('does not begin with a customer’s token, says why, and takes that out of the address bar too', () => {
    const { location, history, replaced } = browserAt(`#token=${CUSTOMER}`);
    const session = new Session();
    openSession(session, location, history);
    expect(replaced).toHaveLength(1);
    expect(session.state.kind).toBe('out');
    expect('notice' in session.state && session.state.notice).toContain('alice');
  });

  test('ends with a refusal of its own token, and not with a late one of the token before', () => {
    const session = new Session();
    const signIn = (token: string) => session.signIn({ token, operator: 'olga', endsAtMs: 0 });
    signIn('first');
    session.refused('first');
    expect(session.state.kind).toBe('ended');
    signIn('second');
    session.refused('first');
    expect(session.state.kind).toBe('in');
    session.signOut();
    expect(session.token).toBe('');
  });
});

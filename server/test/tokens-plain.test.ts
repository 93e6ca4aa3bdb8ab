// The short way for plain tokens (decision 10) says yes only where jose does, and nothing else: every token here is judged
// by a checker that has learnt the issuer's header and by one that has not, and the two must agree.
import { beforeEach, describe, expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { createTokenChecker, type TokenChecker } from '../src/http/access-tokens.ts';
import { AUDIENCE, ISSUER, SECRET } from './http-fakes.ts';
import { goodClaims, handMade, nowSeconds } from './http-forge.ts';

const HEADER = { alg: 'HS256', typ: 'JWT' };
const config = { hmacSecret: Buffer.from(SECRET), issuer: ISSUER, audience: AUDIENCE };
const fresh = () =>
  createTokenChecker(config, () => {
    throw new Error('there is no key set here');
  });

let learnt: TokenChecker;
beforeEach(async () => {
  learnt = fresh();
  expect(await learnt.verify(handMade(HEADER, goodClaims()))).toMatchObject({ sub: 'alice' });
});

const signed = (input: string) =>
  `${input}.${createHmac('sha256', config.hmacSecret).update(input).digest('base64url')}`;
const base64url = (text: string | Uint8Array) => Buffer.from(text).toString('base64url');
const withClaims = (text: string | Uint8Array) =>
  signed(`${base64url(JSON.stringify(HEADER))}.${base64url(text)}`);

async function agree(token: string): Promise<unknown> {
  const judged = await learnt.verify(token);
  expect(judged).toEqual(await fresh().verify(token));
  return judged;
}

describe('the short way', () => {
  test('is taken by a plain token under a header that was learnt, and by no other', async () => {
    const good = handMade(HEADER, { ...goodClaims(), sub: 'bob' });
    const judged = learnt.verify(good);
    expect(judged instanceof Promise).toBe(false);
    expect(judged).toEqual((await fresh().verify(good)) as Awaited<typeof judged>);
    for (const other of [
      handMade({ alg: 'HS256' }, goodClaims()),
      handMade(HEADER, { ...goodClaims(), nbf: nowSeconds() }),
      handMade(HEADER, { ...goodClaims(), aud: [AUDIENCE] }),
    ]) {
      expect(learnt.verify(other) instanceof Promise).toBe(true);
      expect(await agree(other)).toMatchObject({ sub: 'alice' });
    }
  });

  test('learns nothing from a token that was refused', async () => {
    const checker = fresh();
    expect(await checker.verify(handMade(HEADER, goodClaims(), 'another secret, of thirty-two bytes'))).toBe(
      undefined,
    );
    expect(checker.verify(handMade(HEADER, goodClaims())) instanceof Promise).toBe(true);
  });

  test('takes a signature in one spelling, and whole', async () => {
    const good = handMade(HEADER, goodClaims());
    const at = good.lastIndexOf('.') + 1;
    const last = good.slice(-1);
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/.\u0141é';
    for (const character of characters) {
      if (character !== last) {
        expect(learnt.verify(good.slice(0, -1) + character) instanceof Promise).toBe(true);
        await agree(good.slice(0, -1) + character);
      }
      await agree(good.slice(0, at) + character + good.slice(at + 1));
      await agree(good + character);
    }
    for (const cut of [good.slice(0, -1), good.slice(0, at), good.slice(0, at - 1), `${good.slice(0, at)}.`])
      expect(await agree(cut)).toBeUndefined();
  });

  test('agrees with jose about claims of every kind', async () => {
    const values: unknown[] = [null, true, 0, -1, 1.5, 1e300, '', 'x', ISSUER, AUDIENCE, [], [AUDIENCE], {}];
    values.push(
      nowSeconds() - 6,
      nowSeconds() - 4,
      nowSeconds() + 4,
      nowSeconds() + 60,
      nowSeconds() + 5_000,
    );
    for (const claim of ['iss', 'aud', 'sub', 'iat', 'exp', 'nbf', 'scope', '__proto__']) {
      const { [claim]: _left, ...others } = goodClaims() as Record<string, unknown>;
      await agree(withClaims(JSON.stringify(others)));
      for (const value of values) {
        const written = JSON.stringify({ ...others, other: 0 }).replace('"other":0', () => {
          return `${JSON.stringify(claim)}:${JSON.stringify(value)}`;
        });
        await agree(withClaims(written));
      }
    }
    expect(await agree(handMade(HEADER, { ...goodClaims(), exp: nowSeconds() - 60 }))).toBe('expired');
  });

  test('agrees with jose about what is no claims at all', async () => {
    const good = JSON.stringify(goodClaims());
    const texts = ['', 'null', '[]', '0', '"x"', '{', `${good}}`, ` ${good}`, `\u{feff}${good}`, `[${good}]`];
    for (const text of texts) await agree(withClaims(text));
    await agree(withClaims(Buffer.concat([Buffer.from(good.slice(0, -1)), Buffer.from([0xff, 0x7d])])));
    const head = base64url(JSON.stringify(HEADER));
    for (const payload of [
      '',
      '*',
      'a',
      `${base64url(good)}=`,
      `${base64url(good)} `,
      `${base64url(good)}.x`,
    ])
      await agree(signed(`${head}.${payload}`));
  });
});

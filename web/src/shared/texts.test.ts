// Times, amounts and tokens as the pages show or read them.
import { describe, expect, test } from 'bun:test';
import { readToken } from './access-token.ts';
import { clockText, wordsText } from './duration-text.ts';
import { moneyText, totalOf } from './money-text.ts';

describe('a countdown', () => {
  const cases: [ms: number, clock: string, words: string][] = [
    [-5, '0:00', '0 seconds'],
    [0, '0:00', '0 seconds'],
    [1, '0:01', '1 second'],
    [59_001, '1:00', '1 minute'],
    [245_000, '4:05', '4 minutes 5 seconds'],
    [3_600_000, '1:00:00', '1 hour'],
    [3_725_000, '1:02:05', '1 hour 2 minutes'],
    [2 * 86_400_000 + 3 * 3_600_000 + 5_000, '51:00:05', '2 days 3 hours'],
  ];
  for (const [ms, clock, words] of cases) {
    test(`${ms} ms is ${clock}, ${words}: it says 0:00 only when it is over`, () => {
      expect(clockText(ms)).toBe(clock);
      expect(wordsText(ms)).toBe(words);
    });
  }
});

describe('an amount', () => {
  test('has as many decimals as its currency', () => {
    expect(moneyText({ amount_minor: 2_999, currency: 'USD' })).toBe('$29.99');
    expect(moneyText({ amount_minor: 2_999, currency: 'JPY' })).toBe('¥2,999');
    expect(moneyText({ amount_minor: 2_999, currency: 'KWD' })).toContain('2.999');
  });

  test('of several lines is their sum, or nothing where they cannot be summed', () => {
    const usd = { amount_minor: 100, currency: 'USD' };
    expect(
      totalOf([
        { price: usd, quantity: 3 },
        { price: usd, quantity: 1 },
      ]),
    ).toEqual({
      amount_minor: 400,
      currency: 'USD',
    });
    expect(totalOf([{ price: usd, quantity: 1 }, { quantity: 1 }])).toBeUndefined();
    const eur = { amount_minor: 100, currency: 'EUR' };
    expect(
      totalOf([
        { price: usd, quantity: 1 },
        { price: eur, quantity: 1 },
      ]),
    ).toBeUndefined();
    expect(totalOf([])).toBeUndefined();
  });
});

describe('a token', () => {
  const jwt = (claims: unknown) =>
    `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmF0dXJl`;

  test('tells whose it is and until when', () => {
    expect(readToken(jwt({ sub: 'zoë', exp: 100, scope: 'a holdfast:operator' }))).toEqual({
      subject: 'zoë',
      expiresAtMs: 100_000,
      scopes: ['a', 'holdfast:operator'],
    });
  });

  test('that is none tells nothing', () => {
    for (const text of [
      '',
      'a',
      'a.b.c',
      'e30.%%%.x',
      jwt(null),
      jwt({ sub: 1, exp: 1 }),
      jwt({ sub: 'a' }),
    ]) {
      expect(readToken(text)).toBeUndefined();
    }
  });
});

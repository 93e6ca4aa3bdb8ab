// Every refusal of the contract has a sentence that says what to do next; `reserved` never reads like `sold`.
import { describe, expect, test } from 'bun:test';
import { HoldfastError } from '@holdfast/client';
import { PROBLEMS } from '@holdfast/contract/problems';
import { refusalText } from './refusals.ts';

const refusal = (code: string, members: object = {}, retryAfterSeconds?: number) =>
  new HoldfastError({
    code,
    status: 409,
    title: 'A title',
    retryAfterSeconds,
    problem: { code, ...members },
  });

describe('every refusal', () => {
  for (const code of [...Object.keys(PROBLEMS), 'network', 'timeout', 'aborted', 'unexpected-answer']) {
    test(`${code} has a title and a sentence of its own words`, () => {
      const { title, sentence } = refusalText(refusal(code));
      expect(title).not.toBe('A title');
      expect(sentence).toMatch(/^[A-Z].*[.]$/s);
      expect(`${title} ${sentence}`).not.toMatch(/undefined|NaN|null|idempotency|JSON|http/i);
    });
  }

  test('one of a newer service keeps the service’s words; a surprise is ours', () => {
    expect(refusalText(refusal('from-the-future')).title).toBe('A title');
    expect(refusalText(new TypeError('x is not a function')).title).toContain('went wrong here');
  });
});

describe('too little stock', () => {
  const words = (members: object) => {
    const { title, sentence } = refusalText(refusal('insufficient-stock', members), (sku) => `item ${sku}`);
    return `${title}. ${sentence}`;
  };

  test('all reserved, may return, reads differently from sold out', () => {
    const reserved = words({ available: 0, reserved: 3, may_return: true });
    const sold = words({ available: 0, reserved: 0, may_return: false });
    expect(reserved).toMatch(/may return/);
    expect(reserved).not.toMatch(/sold out/i);
    expect(sold).toMatch(/Sold out/);
    expect(sold).not.toMatch(/may return/);
  });

  test('says how many are left when there are some', () => {
    expect(words({ available: 2, reserved: 0, may_return: false })).toMatch(/Only 2 left.*2 or fewer/);
  });

  test('of a cart names each short line, and what is with it', () => {
    const items = [
      { sku: 'A', available: 1, reserved: 0, may_return: false },
      { sku: 'B', available: 0, reserved: 2, may_return: true },
      { sku: 'C', available: 0, reserved: 0, may_return: false },
    ];
    const text = words({ items });
    expect(text).toContain('item A: 1 left; item B: all reserved, may return; item C: sold out');
  });
});

describe('other refusals with numbers', () => {
  test('the cap says how many more one may have', () => {
    expect(refusalText(refusal('limit-exceeded', { limit: 4, held: 3 })).sentence).toMatch(
      /Choose 1 or fewer/,
    );
    expect(refusalText(refusal('limit-exceeded', { limit: 2, held: 2 })).sentence).toMatch(/release it/);
    expect(refusalText(refusal('limit-exceeded', { limit: 2, held: 0 })).sentence).toMatch(/2 or fewer/);
  });

  test('a limit says until when', () => {
    expect(refusalText(refusal('rate-limited', {}, 37)).sentence).toContain('in 37 seconds');
    expect(refusalText(refusal('cooling-down', {}, 540)).sentence).toContain('in 9 minutes');
    expect(refusalText(refusal('unavailable', {}, 1)).sentence).toContain('in 1 second');
  });
});

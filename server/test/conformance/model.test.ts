// The reference model keeps every promise of the suite, and on random sequences its books balance after every step.
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Bookkeeping } from './bookkeeping.ts';
import { makeModel } from './model-store.ts';
import { compareStores, watchStore } from './play.ts';
import { sequences } from './random.ts';
import { announced } from './seed.ts';
import { describeSaleStore } from './suite.ts';

const MAX_STEPS = 80;

describeSaleStore('the reference model', makeModel);

const { parameters, label } = announced(200);

test(`the-books-balance-after-every-step ${label}`, async () => {
  await fc.assert(
    fc.asyncProperty(sequences(MAX_STEPS), async (sequence) => {
      const books = new Bookkeeping();
      await watchStore(await makeModel(), sequence, (moment) => books.check(moment));
    }),
    parameters,
  );
});

test('random-sequences-reach-every-answer', async () => {
  const answers = new Set<string>();
  for (const sequence of fc.sample(sequences(MAX_STEPS), { seed: 1, numRuns: 200 })) {
    await watchStore(await makeModel(), sequence, ({ step, reply, state }) => {
      for (const one of Array.isArray(reply) ? reply : [reply])
        answers.add(`${step.do}: ${one?.kind ?? one}`);
      if (state?.snapshot.items.some((item) => item.reserved + item.sold > item.total))
        answers.add('overdrawn');
    });
  }
  const reserve = [
    'reserved',
    'replayed',
    'key-reused',
    'rate-limited',
    'cooling-down',
    'not-open',
    'closed',
    'limit-exceeded',
  ];
  const resolved = ['confirmed', 'released', 'expired', 'lost', 'missing'];
  const expected = [
    ...[...reserve, 'short', 'unknown-sku'].map((kind) => `reserve: ${kind}`),
    ...[...resolved, 'pinned'].map((kind) => `pin: ${kind}`),
    ...[...resolved, 'confirming'].map((kind) => `release: ${kind}`),
    ...[...resolved, 'extended', 'limit-reached', 'confirming'].map((kind) => `extend: ${kind}`),
    ...['pended', 'in-use', 'unknown-sku'].map((kind) => `pend: ${kind}`),
    ...['unpend', 'unload'].flatMap((what) => [`${what}: true`, `${what}: false`]),
    'overdrawn',
  ];
  expect(expected.filter((answer) => !answers.has(answer))).toEqual([]);
});

test('a-store-that-differs-is-found-out', async () => {
  const forgetful = await makeModel();
  const { store } = forgetful;
  const leaky = new Proxy(store, {
    get(target, name) {
      if (name === 'unpin') return async () => {};
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  const who = { owner: 'ann', key: 'k1', asker: 'ann' };
  const attempt = { ...who, address: '', quantities: [1, 0, 0], ttlSeconds: 10 };
  const sequence = [
    { do: 'reserve', attempts: [attempt], perCustomer: 0, perAddress: 0 },
    { do: 'pin', targets: [who] },
    { do: 'unpin', targets: [who] },
  ] as const;
  const comparing = compareStores(await makeModel(), { ...forgetful, store: leaky }, sequence);
  await expect(comparing).rejects.toThrow('step 2, {"do":"unpin"');
});

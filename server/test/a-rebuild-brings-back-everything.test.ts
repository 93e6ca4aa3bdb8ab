// What random sequences found (a-whole-system-model.test.ts), each as a promise of its own: a rebuild brings a store on that
// missed an item, never takes its time back, and keeps the lives of a key apart that was used anew after a day.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Lane } from './model/lane.ts';
import type { Moment } from './model/play.ts';
import { playOnce } from './model/run.ts';
import type { Step, Target } from './model/steps.ts';

const setup = {
  limits: { perCustomer: 0, perAddress: 0 },
  opensInMs: null,
  closesInMs: null,
  cooldown: null,
};
const ann: Target = { owner: 'ann', key: 'k1', asker: 'ann', pick: null };
const reserve = (quantities: readonly number[]): Step => ({
  do: 'reserve',
  attempts: [{ owner: 'ann', key: 'k1', address: '', quantities, ttlSeconds: 60 }],
});

let lane: Lane | undefined;

beforeAll(async () => {
  lane = await Lane.open();
});

afterAll(async () => {
  await lane?.close();
});

/** The states after each step, which are the reference's and the real system's alike. */
async function statesOf(steps: readonly Step[]) {
  if (lane === undefined) throw new Error('the stores are not up');
  const seen: Moment['state'][] = [];
  await playOnce(lane, { setup, steps }, ({ state }) => seen.push(state));
  return seen;
}

test('a-store-that-missed-an-item-opens-with-it-and-with-its-reservations', async () => {
  const states = await statesOf([
    { do: 'back-up' },
    { do: 'add-item', total: 2, cap: 1 },
    reserve([0, 0, 1]),
    { do: 'write-journal', fault: null },
    { do: 'rewind', looked: true, stumbles: false },
    { do: 'confirm', target: ann, payment: null, fault: null },
  ]);
  const items = states.map((state) => state?.store.snapshot.items.find(({ sku }) => sku === 'C_3-x'));
  expect(items[4]).toEqual({ sku: 'C_3-x', total: 2, reserved: 1, sold: 0, maxPerCustomer: 1 });
  expect(items[5]).toEqual({ sku: 'C_3-x', total: 2, reserved: 0, sold: 1, maxPerCustomer: 1 });
});

for (const loss of ['flush', 'move'] as const) {
  test(`time-goes-on-where-it-was-after-a-rebuild: ${loss}`, async () => {
    const states = await statesOf([
      reserve([1, 0, 0]),
      { do: 'wait', ms: 30_000 },
      { do: 'wait', ms: -20_000 },
      loss === 'flush' ? { do: 'flush', looked: true, stumbles: false } : { do: 'move', stumbles: false },
    ]);
    const times = states.map((state) => state?.store.snapshot.nowMs ?? 0);
    expect(times[3]).toBe(times[1] as number);
  });
}

// A key may be used anew a day after its reservation was resolved: the same id, another life.
const confirmed: Step = { do: 'confirm', target: ann, payment: null, fault: null };
const written: Step = { do: 'write-journal', fault: null };
const aDayLater: readonly Step[] = [
  { do: 'wait', ms: 86_400_000 },
  { do: 'purge', limit: 10 },
];

test('a-former-life-that-only-the-ledger-ended-holds-no-units-after-a-warm-rebuild', async () => {
  const states = await statesOf([
    ...[{ do: 'back-up' } as const, reserve([1, 0, 0]), confirmed, written],
    ...[...aDayLater, reserve([2, 0, 0]), written],
    { do: 'rewind', looked: true, stumbles: false },
  ]);
  expect(states.at(-1)?.store.snapshot.items[0]).toMatchObject({ reserved: 2, sold: 1 });
});

test('also-where-the-store-itself-still-has-it-alive-and-it-was-of-another-item', async () => {
  const states = await statesOf([
    ...[reserve([0, 1, 0]), written, { do: 'back-up' } as const, confirmed, written],
    ...[...aDayLater, reserve([2, 0, 0]), written],
    { do: 'rewind', looked: true, stumbles: false },
  ]);
  const [a, b] = states.at(-1)?.store.snapshot.items ?? [];
  expect(a).toMatchObject({ reserved: 2, sold: 0 });
  expect(b).toMatchObject({ reserved: 0, sold: 1 });
});

test('a-former-life-whose-end-was-lost-does-not-come-back-beside-the-one-that-was-sold', async () => {
  const states = await statesOf([
    ...[reserve([1, 0, 0]), written, { do: 'release', targets: [ann] } as const],
    ...[...aDayLater, reserve([2, 0, 0]), confirmed],
    { do: 'flush', looked: true, stumbles: false },
    ...[{ do: 'wait', ms: 60_000 } as const, { do: 'expire', limit: 10 } as const],
  ]);
  expect(states.at(-1)?.store.snapshot).toMatchObject({ live: 0, items: [{ reserved: 0, sold: 2 }, {}] });
  expect(Object.values(states.at(-1)?.store.records ?? {})).toMatchObject([{ state: 'confirmed' }]);
});

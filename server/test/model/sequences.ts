// Random lives of a sale: steps, and phrases of steps that seldom come together by chance. They shrink by dropping phrases
// and by simpler steps.
import fc from 'fast-check';
import {
  attempt,
  breakage,
  command,
  DAY_MS,
  mostly,
  own,
  release,
  reserve,
  resolve,
  stockKey,
  together,
} from './commands.ts';
import type { Sequence, Setup, Step, Target } from './steps.ts';

const one = <T extends Step>(step: T): fc.Arbitrary<Step> => fc.constant<Step>(step);
const stopped: fc.Arbitrary<Step> = fc
  .record({ target: own, fault: fc.constantFrom('stopped-before' as const, 'stopped-after' as const) })
  .map(({ target, fault }) => ({ do: 'confirm', target, payment: 'card', fault }));
const stoppedStock: fc.Arbitrary<Step> = fc
  .record({ key: stockKey, fault: fc.constantFrom('stopped-before' as const, 'stopped-after' as const) })
  .map(({ key, fault }) => ({ do: 'change-stock', key, sku: 0, delta: -1, expectedTotal: null, fault }));

/** A key used again a day after its reservation was resolved: another life of the same id, on record or not. */
const anew: fc.Arbitrary<Step[]> = fc
  .record({
    who: attempt,
    written: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
    sold: fc.tuple(fc.boolean(), fc.boolean()),
    end: fc.constantFrom<Step>(
      { do: 'rewind', looked: true, stumbles: false },
      { do: 'flush', looked: true, stumbles: false },
    ),
  })
  .map(({ who, written, sold, end }) => {
    const target: Target = { owner: who.owner, key: who.key, asker: who.owner, pick: null };
    const write = (i: number): Step[] => (written[i] ? [{ do: 'write-journal', fault: null }] : []);
    const reserved: Step = { do: 'reserve', attempts: [who] };
    const confirmed: Step = { do: 'confirm', target, payment: null, fault: null };
    return [
      ...[{ do: 'back-up' } as const, reserved, ...write(0)],
      ...[sold[0] ? confirmed : ({ do: 'release', targets: [target] } as const), ...write(1)],
      ...[{ do: 'wait', ms: DAY_MS } as const, { do: 'purge', limit: 5 } as const, reserved, ...write(2)],
      ...[...(sold[1] ? [confirmed] : []), end],
    ];
  });

/** Mostly one step; or some that seldom come together by chance: what is left for the resolver, and lost of late. */
const phrase: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 85, arbitrary: command.map((step) => [step]) },
  { weight: 11, arbitrary: breakage.map((step) => [step]) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        stopped,
        one({ do: 'wait-for-next', what: 'pin-end', offsetMs: 0 }),
        fc.oneof(resolve, one({ do: 'resolve', fault: 'stopped-after' })),
        fc.array(together, { maxLength: 1 }),
      )
      .map((steps) => steps.flat()),
  },
  // Given back, sold to others, and there again after a loss: the ledger must say no.
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        ...[reserve, one({ do: 'write-journal', fault: null }), release, reserve, together, together],
        ...[one({ do: 'flush', looked: true, stumbles: false }), together, together],
      )
      .map((steps) => [...steps]),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(stoppedStock, one({ do: 'wait-for-next', what: 'pend-end', offsetMs: 0 }), resolve),
  },
  { weight: 2, arbitrary: anew },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        one({ do: 'back-up' }),
        fc.array(command, { minLength: 1, maxLength: 5 }),
        one({ do: 'write-journal', fault: null }),
        fc.array(command, { maxLength: 2 }),
        one({ do: 'rewind', looked: true, stumbles: false }),
      )
      .map((steps) => steps.flat()),
  },
);

const setup: fc.Arbitrary<Setup> = fc.record({
  limits: mostly(
    { perCustomer: 0, perAddress: 0 },
    fc.record({ perCustomer: fc.integer({ min: 2, max: 8 }), perAddress: fc.integer({ min: 2, max: 10 }) }),
    3,
  ),
  opensInMs: mostly(null, fc.integer({ min: -5_000, max: 8_000 }), 9),
  closesInMs: mostly(null, fc.integer({ min: 20_000, max: 200_000 }), 9),
  cooldown: fc.option(
    fc.record({ expirations: fc.integer({ min: 1, max: 4 }), minutes: fc.constantFrom(1, 2, 1_440) }),
  ),
});

export function sequences(maxSteps: number): fc.Arbitrary<Sequence> {
  // Many shorter ones find more than few long ones in the same time.
  const phrases = fc.array(phrase, { minLength: 1, maxLength: Math.ceil(maxSteps / 2), size: 'max' });
  return fc.record({ setup, steps: phrases.map((steps) => steps.flat().slice(0, maxSteps)) });
}

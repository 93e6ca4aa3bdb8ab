import { describe, expect, test } from 'bun:test';
import { Breaker, type BreakerState, REFUSED, STORE_BREAKER } from './breaker.ts';

const { failuresToOpen, failingForMs, pauseFirstMs, pauseMaxMs, probesAtOnce, windowCallsMin } =
  STORE_BREAKER;

/** A breaker on a clock of the test's own; the dice give the middle of every pause unless told otherwise. */
function staged(random: () => number = () => 0.5) {
  let nowMs = 1_000;
  const changes: BreakerState[] = [];
  const breaker = new Breaker({ nowMs: () => nowMs, random, onChange: (state) => changes.push(state) });
  const call = (answered: boolean | null) => {
    const pass = breaker.enter();
    if (pass === REFUSED) return 'refused';
    breaker.leave(pass, answered);
    return 'called';
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  /** The shortest outage that opens it. */
  const goSilent = () => {
    for (let i = 1; i < failuresToOpen; i++) call(false);
    pass(failingForMs);
    call(false);
  };
  return { breaker, changes, call, pass, goSilent };
}

describe('closed', () => {
  test('lets everything through, and stays so while answers come', () => {
    const { breaker, call, pass } = staged();
    for (let i = 0; i < 1_000; i++) {
      call(i % 10 !== 0);
      pass(5);
    }
    expect(breaker.state).toBe('closed');
    expect(breaker.pauseLeftMs).toBe(0);
  });

  test('opens after a silence, at exactly so many failures and so long', () => {
    const { breaker, changes, call, pass } = staged();
    for (let i = 1; i < failuresToOpen; i++) call(false);
    pass(failingForMs - 1);
    call(false);
    expect(breaker.state).toBe('closed');
    pass(1);
    call(false);
    expect(changes).toEqual(['open']);
  });

  test('does not open by one stall, however many calls were caught in it', () => {
    const { breaker, call, pass } = staged();
    for (let stalls = 0; stalls < 3; stalls++) {
      for (let i = 0; i < 1_000; i++) call(false);
      pass(failingForMs - 1);
      call(true);
      for (let i = 0; i < 2_000; i++) call(true);
    }
    expect(breaker.state).toBe('closed');
  });

  test('opens when half of the calls fail, also if the other half answers', () => {
    const { breaker, call, pass } = staged();
    let calls = 0;
    for (; breaker.state === 'closed' && calls < 1_000; calls++) {
      call(calls % 2 === 0);
      pass(10);
    }
    expect(breaker.state).toBe('open');
    expect(calls).toBeGreaterThanOrEqual(windowCallsMin);
    expect(calls).toBeLessThanOrEqual(windowCallsMin + 2);
  });

  test('forgets failures that are long ago', () => {
    const { breaker, call, pass } = staged();
    for (let i = 0; i < windowCallsMin - 1; i++) call(i % 2 === 0);
    pass(2 * STORE_BREAKER.windowMs);
    for (let i = 0; i < windowCallsMin; i++) call(i % 4 !== 0);
    expect(breaker.state).toBe('closed');
  });

  test('takes a call that never got to the store for neither', () => {
    const { breaker, call, pass } = staged();
    for (let i = 0; i < 1_000; i++) {
      call(null);
      pass(10);
    }
    expect(breaker.state).toBe('closed');
  });
});

describe('open', () => {
  test('refuses at once, and says how long', () => {
    const { breaker, call, pass, goSilent } = staged();
    goSilent();
    expect(call(true)).toBe('refused');
    expect(breaker.pauseLeftMs).toBe(pauseFirstMs);
    pass(pauseFirstMs - 1);
    expect(call(true)).toBe('refused');
    pass(1);
    expect(call(true)).toBe('called');
    expect(breaker.state).toBe('half-open');
  });

  test('pauses between half and one and a half of its time: breakers that opened together probe apart', () => {
    for (const [dice, ms] of [
      [0, pauseFirstMs / 2],
      [0.999, pauseFirstMs * 1.499],
    ] as const) {
      const { breaker, goSilent } = staged(() => dice);
      goSilent();
      expect(breaker.pauseLeftMs).toBeCloseTo(ms);
    }
  });

  test('is not moved by calls that began before it opened', () => {
    const { breaker, goSilent } = staged();
    const late = breaker.enter();
    goSilent();
    breaker.leave(late, true);
    expect(breaker.state).toBe('open');
  });

  test('hears from workers that the store is back, before the pause is over', () => {
    const { breaker, changes, goSilent } = staged();
    goSilent();
    breaker.heard(false);
    expect(breaker.state).toBe('open');
    breaker.heard(true);
    breaker.heard(true);
    expect(changes).toEqual(['open', 'half-open', 'closed']);
  });
});

describe('half-open', () => {
  function halfOpen() {
    const stage = staged();
    stage.goSilent();
    stage.pass(pauseFirstMs);
    return stage;
  }

  test('lets a few probes through at a time and refuses the rest', () => {
    const { breaker } = halfOpen();
    const passes = Array.from({ length: 10 }, () => breaker.enter());
    expect(passes.filter((pass) => pass !== REFUSED)).toHaveLength(probesAtOnce);
    breaker.leave(passes[0] as number, null);
    expect(breaker.enter()).not.toBe(REFUSED);
    expect(breaker.enter()).toBe(REFUSED);
  });

  test('closes after answers, and begins anew with the first pause', () => {
    const { breaker, call, goSilent } = halfOpen();
    call(true);
    expect(breaker.state).toBe('half-open');
    call(true);
    expect(breaker.state).toBe('closed');
    goSilent();
    expect(breaker.pauseLeftMs).toBe(pauseFirstMs);
  });

  test('opens again at the first silent probe, for twice as long, up to the longest pause', () => {
    const { breaker, call, pass } = halfOpen();
    const pauses: number[] = [];
    for (let i = 0; i < 5; i++) {
      expect(call(false)).toBe('called');
      pauses.push(breaker.pauseLeftMs);
      pass(breaker.pauseLeftMs);
    }
    expect(pauses).toEqual([1_000, 2_000, pauseMaxMs, pauseMaxMs, pauseMaxMs]);
  });

  test('takes the failure of one probe once, though others were under way', () => {
    const { breaker, changes } = halfOpen();
    const passes = Array.from({ length: probesAtOnce }, () => breaker.enter());
    for (const pass of passes) breaker.leave(pass, false);
    expect(changes).toEqual(['open', 'half-open', 'open']);
    expect(breaker.pauseLeftMs).toBe(2 * pauseFirstMs);
  });
});

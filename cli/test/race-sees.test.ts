// The promise: a race on a truthful service ends well, and no lie of a service gets past it.
import { describe, expect, test } from 'bun:test';
import type { Terminal } from '../src/command.ts';
import { race } from '../src/race/race.ts';
import { FakeService, type Lie, OPERATOR_TOKEN } from './fake-service.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  args: readonly string[],
  signal = new AbortController().signal,
  onProgress: (text: string) => void = () => {},
): Promise<Ran> {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
      onProgress(text);
    },
    rewritable: true,
    env: {},
    signal,
  };
  const code = await race.run(args, terminal);
  return { code, out, err };
}

/** Small and short: two seconds of TTL, so that what vanishes is back soon, and a slow machine is not too late. */
const raceOn = (service: FakeService, ...more: string[]) =>
  run([
    '--url',
    service.url,
    '--operator-token',
    OPERATOR_TOKEN,
    '--ttl-seconds',
    '2',
    '--shoppers',
    '60',
    ...more,
  ]);

interface Document {
  readonly verdict: string;
  readonly winners: readonly { readonly shopper: string }[];
  readonly oversold: number;
  readonly seed: number;
  readonly promises: readonly {
    readonly name: string;
    readonly held: boolean;
    readonly findings: readonly string[];
  }[];
}

const brokenIn = (ran: Ran) =>
  (JSON.parse(ran.out) as Document).promises.filter(({ held }) => !held).map(({ name }) => name);

describe('on a truthful service', () => {
  test.concurrent('one unit has one winner, all promises hold, the sale is closed, and the exit code is 0', async () => {
    await using service = new FakeService();
    const ran = await raceOn(service, '--units', '1', '--json', '--seed', '21');
    const document = JSON.parse(ran.out) as Document;
    expect(document).toMatchObject({ verdict: 'held', oversold: 0, winners: [{}] });
    expect(brokenIn(ran)).toEqual([]);
    expect(ran.code).toBe(0);
    expect(service.closed).toBe(true);
  });

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    test.concurrent(`every unit is sold while enough shoppers want it (seed ${seed})`, async () => {
      await using service = new FakeService();
      const ran = await raceOn(service, '--units', '8', '--json', '--seed', String(seed));
      expect(brokenIn(ran)).toEqual([]);
      expect((JSON.parse(ran.out) as Document).winners).toHaveLength(8);
    });
  }

  test.concurrent('the page leads with the winner and ends with how to run it again', async () => {
    await using service = new FakeService();
    const ran = await raceOn(service, '--seed', '7');
    expect(ran.out).toMatch(/60 shoppers, 1 unit: 1 winner: shopper-000\d\d \(ord_\w+\)\n {2}0 oversold/);
    expect(ran.out).toContain('0 available + 0 reserved + 1 sold = 1');
    expect(ran.out).toContain('--seed 7');
    expect(ran.out).toContain('All promises held.');
  });

  test.concurrent('a lone shopper is one who buys', async () => {
    await using service = new FakeService();
    const ran = await raceOn(service, '--shoppers', '1', '--units', '3', '--json', '--seed', '22');
    expect((JSON.parse(ran.out) as Document).winners).toHaveLength(1);
    expect(ran.code).toBe(0);
  });
});

describe('is seen, with exit code 1: a service that', () => {
  const lies: readonly (readonly [Lie, string, number])[] = [
    ['sells one too many', 'never-oversold', 1],
    ['makes a second reservation on a retry', 'one-effect-a-key', 30],
    ['answers a retry in other bytes', 'one-effect-a-key', 30],
    ['forgets keys once sold out', 'one-effect-a-key', 60],
    ['says sold out while a unit is free', 'no-false-sold-out', 2],
    ['loses an acknowledged order', 'no-order-lost', 30],
    ['keeps released stock', 'time-is-kept', 60],
    ['never expires', 'time-is-kept', 60],
    ['expires early', 'time-is-kept', 60],
    ['releases what is confirmed', 'one-outcome', 30],
    ['counts a sale twice', 'sold-is-confirmed', 30],
  ];
  for (const [lie, name, units] of lies) {
    test.concurrent(lie, async () => {
      await using service = new FakeService(lie);
      const ran = await raceOn(service, '--units', String(units), '--json', '--seed', '11');
      expect(brokenIn(ran)).toContain(name);
      expect(JSON.parse(ran.out)).toMatchObject({ verdict: 'broken' });
      expect(ran.code).toBe(1);
    }, 30_000);
  }
});

describe('shows nothing either way, exit code 3:', () => {
  test('nobody is there', async () => {
    const ran = await run(['--url', 'http://127.0.0.1:1', '--operator-token', 'x']);
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toContain('The race could not run. The sale could not be made');
  });

  test('the service is unavailable', async () => {
    await using service = new FakeService('is not there');
    expect((await raceOn(service)).code).toBe(3);
  });

  test('the operator token is none', async () => {
    await using service = new FakeService();
    const ran = await run(['--url', service.url, '--operator-token', 'ann']);
    expect(ran.code).toBe(3);
    expect(ran.err).toContain('forbidden');
  });

  test('rate limits let no shopper in, and that is said', async () => {
    await using service = new FakeService('limits every token');
    const ran = await raceOn(service);
    expect(ran.code).toBe(3);
    expect(ran.err).toContain('its rate limits were in the way');
  });
});

test('a race that is called off ends at once and closes its sale', async () => {
  await using service = new FakeService('never expires');
  const calledOff = new AbortController();
  const args = [
    '--url',
    service.url,
    '--operator-token',
    OPERATOR_TOKEN,
    '--ttl-seconds',
    '600',
    '--units',
    '200',
  ];
  const ran = await run(args, calledOff.signal, (progress) => {
    if (progress.includes('shoppers done')) calledOff.abort();
  });
  expect(ran.code).toBe(130);
  expect(service.closed).toBe(true);
});

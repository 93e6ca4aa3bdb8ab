// What may never get out: tokens, keys and passwords, into the log, the metrics or a problem. And what may never get in:
// line breaks and terminal escapes, into the log. The service is made to fail in every way that could tell.
import { afterAll, describe, expect, test } from 'bun:test';
import { freePort } from '../src/embedded/free-port.ts';
import { type ServiceOptions, startService } from './harness/service.ts';
import { until } from './harness/until.ts';
import { exchange, type RawAnswer } from './hostile/raw-http.ts';
import { attack, customer, operator, reasonsNotReady, SECRET, signed } from './hostile/target.ts';

const metricsPort = await freePort();
const target = attack({
  HOLDFAST_METRICS_PORT: String(metricsPort),
  HOLDFAST_LOG_LEVEL: 'trace',
  HOLDFAST_CORS_ORIGINS: 'https://shop.example',
});
afterAll(() => target.close());

const passwordOf = (url: string): string => decodeURIComponent(new URL(url).password);
const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();

const whyNotStarted = (options: ServiceOptions): Promise<string> =>
  startService(options).then(
    () => 'it started',
    (error: Error) => error.message,
  );

describe('secrets', () => {
  test('no token, key or password is in the log, in the metrics or in a problem, also while the stores are away', async () => {
    const { stage } = target;
    const { sku } = await target.sale();
    const key = 'idempotency-key-that-is-a-secret';
    const tokens = [
      customer('alice'),
      operator(),
      signed({ exp: 1 }),
      signed({}, { alg: 'none' }),
      `${customer('bob')}x`,
    ];
    const answers: RawAnswer[] = [];
    const everything = async () => {
      for (const token of tokens) {
        answers.push(
          await target.reserve({ sku, quantity: 1 }, { token, key }),
          await target.reserve({ sku, quantity: 'CANARY-of-a-body' }, { token, key }),
          await target.ask('/api/v1/orders', { token }),
          await target.ask(`/api/v1/orders?access_token=${token}`),
          await target.ask(`/api/v1/reservations/${token}`, { token }),
          await target.ask(`/nowhere/${token}`, { token }),
          await target.post('/api/v1/checkout/confirm', { reservation_id: token }, token),
          await target.post('/api/v1/admin/sales', { id: token, password: SECRET }, token),
        );
      }
    };
    await everything();
    const isReady = async () => (await reasonsNotReady(stage.url)).length === 0;
    await stage.redis.kill9();
    await until('it is noticed that Redis is gone', async () => !(await isReady()));
    await everything();
    await stage.redis.restart();
    await until('it is ready again', isReady);
    await everything();

    const refusals = answers.filter(({ status }) => status >= 400);
    expect(refusals.map(({ status }) => status)).toContain(503);
    expect(refusals.some(({ status }) => status >= 500 && status !== 503)).toBe(false);
    const seen = {
      log: stage.service.log(),
      metrics: await metrics(),
      problems: refusals.map(({ text }) => text).join('\n'),
    };
    expect(seen.log).toContain('"level":"warn"');
    expect(seen.metrics).toContain('reserve_requests_total');
    const signatures = tokens.map((token) => token.split('.')[2] ?? '').filter((part) => part.length > 10);
    const secrets = [
      SECRET,
      key,
      'CANARY',
      ...signatures,
      'eyJ',
      passwordOf(stage.redis.url),
      passwordOf(stage.database.url),
    ];
    for (const [place, text] of Object.entries(seen)) {
      for (const secret of secrets)
        expect(text.includes(secret), `${place}: ${secret.slice(0, 12)}…`).toBe(false);
    }
  });

  test('a start that fails says why without a password', async () => {
    const { redis, database } = target.stage;
    const wrong = (url: string) => url.replace(passwordOf(url), 'wrong-password-CANARY');
    const attempts = [
      { redisUrl: wrong(redis.url), databaseUrl: database.url },
      { redisUrl: redis.url, databaseUrl: wrong(database.url) },
      { redisUrl: redis.url, databaseUrl: 'postgres://user:CANARY@127.0.0.1:1/shop' },
      {
        redisUrl: redis.url,
        databaseUrl: database.url,
        env: { HOLDFAST_JWT_SECRET: 'CANARY', PORT: 'CANARY\u001b[31m' },
      },
    ];
    const failures = await Promise.all(attempts.map((attempt) => whyNotStarted(attempt)));
    for (const failure of failures) {
      expect(failure).toStartWith('exited with ');
      expect(failure.replace(/PORT: "CANARY.*/, '')).not.toContain('CANARY');
      expect(failure).not.toContain('\u001b');
    }
  });

  test('production does not start without a secret, or with a short one', async () => {
    const { redis, database } = target.stage;
    for (const secret of ['', 'short', 'x'.repeat(31)]) {
      const env = { NODE_ENV: 'production', HOLDFAST_JWT_SECRET: secret };
      const failure = await whyNotStarted({ redisUrl: redis.url, databaseUrl: database.url, env });
      expect(failure).toStartWith('exited with 78');
      expect(failure).toContain('HOLDFAST_JWT_SECRET');
    }
  });
});

describe('the log', () => {
  test('is one line of JSON an entry, whatever was sent: no line break or terminal escape gets in', async () => {
    const hostile = [
      '\u001b[2J\u001b]0;owned\u0007',
      'a\u009b31m',
      'x\u0085y',
      '\u00ff\u00fe',
      '{"level":"fatal"}',
      '%0d%0a{"level":"fatal"}',
      '{jndi:ldap://x}',
    ];
    for (const value of hostile) {
      const latin1 = Buffer.from(value, 'latin1').toString('latin1');
      for (const name of [
        'X-Request-Id',
        'User-Agent',
        'Referer',
        'Idempotency-Key',
        'X-Forwarded-For',
        'Authorization',
        'Origin',
        'Host',
      ]) {
        await exchange(
          target.url,
          `GET /api/v1/orders HTTP/1.1\r\nHost: a\r\n${name}: ${latin1}\r\nConnection: close\r\n\r\n`,
        );
      }
      await target.ask(`/api/v1/inventory/${encodeURIComponent(value)}`);
      await target.post('/api/v1/admin/sales', { id: value, name: value, items: [] }, operator());
      await target.post('/api/v1/auth/token', { customer_id: value }, null);
    }
    await exchange(
      target.url,
      'GET /healthz HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\r\n {"level":"fatal"}\r\n\r\n',
    );
    const lines = target.stage.service.log().trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) {
      expect(line).toMatch(/^[\x20-\x7e]*$/);
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), msg: expect.any(String) });
      expect(line).not.toContain('"level":"fatal"');
    }
  });
});

describe('browsers', () => {
  test('of a foreign or null origin are given no CORS headers, credentials or not', async () => {
    const origins = [
      'null',
      'https://evil.test',
      'https://shop.example.evil.test',
      'http://shop.example',
      'https://shop.example:8443',
      'https://SHOP.example',
      'https://shop.example/',
      'https://shop.example, https://evil.test',
      '',
      '*',
      'file://',
    ];
    for (const origin of origins) {
      for (const method of ['GET', 'OPTIONS', 'POST']) {
        const answer = await target.ask('/api/v1/sales', {
          method,
          headers: [
            ['Origin', origin],
            ['Cookie', 'session=1'],
            ['Access-Control-Request-Method', 'POST'],
            ['Access-Control-Request-Headers', 'authorization'],
          ],
        });
        const told = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
        expect(told, `${method} from ${origin}`).toEqual([]);
      }
    }
    const friend = await target.ask('/api/v1/sales', { headers: [['Origin', 'https://shop.example']] });
    expect(friend.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(friend.headers.has('access-control-allow-credentials')).toBe(false);
  });
});

test('the service is alive', async () => {
  expect(await reasonsNotReady(target.url)).toEqual([]);
});

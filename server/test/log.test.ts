// Promises of the log: one JSON line an event, whatever is in it, and nothing in it that opens a door.
import { expect, test } from 'bun:test';
import { createLog } from '../src/telemetry/log.ts';

function logged(write: (log: ReturnType<typeof createLog>) => void): {
  text: string;
  entry: Record<string, unknown>;
} {
  const lines: string[] = [];
  write(createLog({ level: 'debug', process: 'test', write: (line) => lines.push(line) }));
  expect(lines).toHaveLength(1);
  const text = lines[0] ?? '';
  return { text, entry: JSON.parse(text) };
}

test('an entry says when, which process, how grave and what', () => {
  const { entry } = logged((log) => log.warn({ saleId: 'flash-sale', epoch: 3 }, 'sale rebuilt'));
  expect(entry).toMatchObject({
    level: 'warn',
    process: 'test',
    saleId: 'flash-sale',
    epoch: 3,
    msg: 'sale rebuilt',
  });
  expect(entry.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('what breaks lines or steers terminals is escaped, and reads back as it was', () => {
  const hostile = 'a\r\nb\u001b[2Jc\u0000d\u009b31me\u2028f\u202eg\u007f';
  const { text, entry } = logged((log) => log.info({ path: hostile }, hostile));
  expect(text.slice(0, -1)).toMatch(/^[\x20-\x7e]*$/);
  expect(text.endsWith('\n')).toBe(true);
  expect(entry).toMatchObject({ path: hostile, msg: hostile });
});

test('tokens, passwords and store URLs are removed', () => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';
  const { text } = logged((log) =>
    log.error(
      {
        authorization: `Bearer ${jwt}`,
        headers: { authorization: `Bearer ${jwt}`, cookie: 'session=sesame' },
        redisUrl: 'redis://:sesame@127.0.0.1:6379',
        config: { databaseUrl: 'postgres://u:sesame@db/shop', secret: 'sesame' },
        err: Object.assign(new Error(`no answer from redis://u:sesame@host:6379 to Bearer ${jwt}`), {
          code: 'ECONNREFUSED',
          command: { args: ['AUTH', 'sesame'] },
          cause: new Error(`token ${jwt}`),
        }),
      },
      'no answer',
    ),
  );
  expect(text).not.toContain('sesame');
  expect(text).not.toContain(jwt);
  expect(text).toContain('ECONNREFUSED');
  expect(text).toContain('no answer from redis://[removed]@host:6379');
});

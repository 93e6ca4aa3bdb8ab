// The promise: the command says what it can do, and refuses in words what it does not understand.
import { describe, expect, test } from 'bun:test';
import path from 'node:path';
import manifest from '../package.json' with { type: 'json' };

const LAUNCHER = path.join(import.meta.dir, '..', 'bin', 'holdfast.mjs');

async function run(command: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn(command, {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, ...env },
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, err, code };
}

const holdfast = (...args: string[]) => run(['node', LAUNCHER, ...args]);

test('--version', async () => {
  expect(await holdfast('--version')).toEqual({ out: `${manifest.version}\n`, err: '', code: 0 });
});

test('help, by any name, on stdout', async () => {
  for (const args of [['help'], ['--help'], ['-h']]) {
    const { out, code } = await holdfast(...args);
    expect(out).toContain('Usage: holdfast <command>');
    expect(code).toBe(0);
  }
});

for (const name of ['serve', 'race', 'token', 'audit', 'reconcile', 'migrate']) {
  test(`help of ${name}`, async () => {
    const asked = await holdfast(name, '--help');
    expect(asked.out).toStartWith(`Usage: holdfast ${name}`);
    expect(await holdfast('help', name)).toEqual(asked);
    expect(asked.code).toBe(0);
  });
}

describe('refused with exit code 2 and a word on what is wrong:', () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /^Holdfast: .*Usage:/s],
    [['sell'], /There is no command "sell"/],
    [['race', '--shopper', '3'], /'--shopper'.*holdfast race --help/s],
    [['race', 'fast'], /'fast'/],
    [['race', '--shoppers'], /--shoppers/],
    [['race', '--shoppers', '0'], /--shoppers must be a whole number from 1 to 20000/],
    [['race', '--shoppers', '1e3'], /--shoppers must be a whole number/],
    [['race', '--units', '-1'], /--units/],
    [['race', '--concurrency', '257'], /from 1 to 256/],
    [['race', '--sku', 'reserve'], /--sku/],
    [['race', '--url', 'localhost:8080', '--operator-token', 'x'], /--url must be an http/],
    [['race', '--url', 'http://localhost'], /--url needs --operator-token/],
    [['race', '--operator-token', 'x'], /goes with --url/],
    [['serve', '--port', '80'], /'--port'/],
    [['token', '--customer', 'a{b}'], /--customer must be/],
    [['migrate', '--service-role', ''], /--service-role must be a name/],
    [['migrate', '--role', 'x'], /'--role'/],
    [['token', '--operator', '--url', 'http://localhost'], /makes no operators/],
  ];
  for (const [args, words] of cases) {
    test(`holdfast ${args.join(' ')}`, async () => {
      const { out, err, code } = await holdfast(...args);
      expect(err).toMatch(words);
      expect({ out, code }).toEqual({ out: '', code: 2 });
    });
  }
});

test('serve says what the service says, and exits as it does', async () => {
  const { err, code } = await run(['node', LAUNCHER, 'serve'], { PORT: 'eighty', HOLDFAST_WORKERS: 'many' });
  expect(err).toContain('2 configuration problems');
  expect(code).toBe(78);
});

test('a Node that is too old is told so', async () => {
  const pretend =
    "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.20.1'}})";
  const { err, code } = await run(['node', '--import', pretend, LAUNCHER, '--version']);
  expect(err).toBe('Holdfast needs Node 20.19 or newer; this is 18.20.1.\n');
  expect(code).toBe(1);
});

// The promise: whatever becomes of the one who started it, the service is not left running alone.
import { afterEach, expect, test } from 'bun:test';
import path from 'node:path';
import { startQuietServer } from '../src/server-process.ts';
import { FakeService, OPERATOR_TOKEN } from './fake-service.ts';

const FAKE_MAIN = path.join(import.meta.dir, 'fake-main.ts');
const LAUNCHER = path.join(import.meta.dir, '..', 'bin', 'holdfast.mjs');
const SERVER_PROCESS = path.join(import.meta.dir, '..', 'src', 'server-process.ts');

const started: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function start(command: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn(command, {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, ...env },
  });
  started.push(child);
  return child;
}

/** Reads until the text appears. The stream's lock is given back. */
async function readUntil(stream: ReadableStream<Uint8Array>, text: string): Promise<void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  for (let seen = ''; !seen.includes(text); ) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`ended after: ${seen}`);
    seen += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
}

/** The end of a pipe that a process and its children share comes when the last of them is gone. */
async function everyHolderGone(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const _ of stream) {
    // What is still written on the way out does not matter.
  }
}

test('a service whose starter is killed stops by itself', async () => {
  const script = `
    const { startServer } = await import(${JSON.stringify(SERVER_PROCESS)});
    await startServer(process.env, [], ${JSON.stringify(FAKE_MAIN)}).exited;`;
  const starter = start([process.execPath, '-e', script]);
  await readUntil(starter.stdout, 'Holdfast is ready');
  starter.kill('SIGKILL');
  await everyHolderGone(starter.stdout);
});

test('the command stops when its launcher is killed', async () => {
  await using service = new FakeService('never expires');
  const launcher = start([
    ...['node', LAUNCHER, 'race', '--url', service.url, '--operator-token', OPERATOR_TOKEN],
    ...['--ttl-seconds', '600', '--units', '200'],
  ]);
  await readUntil(launcher.stderr, 'race for');
  launcher.kill('SIGKILL');
  await everyHolderGone(launcher.stderr);
  expect(service.closed).toBe(true);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`the launcher hands on ${signal} and exits as the command did`, async () => {
    await using service = new FakeService('never expires');
    const launcher = start([
      ...['node', LAUNCHER, 'race', '--url', service.url, '--operator-token', OPERATOR_TOKEN],
      ...['--ttl-seconds', '600', '--units', '200'],
    ]);
    await readUntil(launcher.stderr, 'race for');
    launcher.kill(signal);
    expect(await launcher.exited).toBe(130);
    expect(service.closed).toBe(true);
  });
}

test('a service that is ready is told apart from one that only speaks, and stops when told, twice too', async () => {
  const server = await startQuietServer(process.env, new AbortController().signal, FAKE_MAIN);
  expect(server.url).toBe('http://127.0.0.1:1234');
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  expect(await server.exited).toBe(0);
});

test('one that cannot start is quoted', async () => {
  const env = { ...process.env, FAKE_MAIN: 'cannot start' };
  const failure = startQuietServer(env, new AbortController().signal, FAKE_MAIN);
  await expect(failure).rejects.toThrow(/exit code 78\.\nPORT: is no port; write one/);
});

test('one that is called off before it is ready is stopped', async () => {
  const env = { ...process.env, FAKE_MAIN: 'is never ready' };
  const failure = startQuietServer(env, AbortSignal.timeout(50), FAKE_MAIN);
  await expect(failure).rejects.toThrow('it was told to stop');
});

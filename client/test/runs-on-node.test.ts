// The promise: the client needs fetch and nothing else, so it runs where there is no Bun.
import { expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { problem, RESERVATION, ScriptedServer } from './scripted-server.ts';

const SOURCE = path.join(import.meta.dir, '..', 'src');

test('bundled for any platform it reserves, retries and reports under Node', async () => {
  using server = await ScriptedServer.start((n) =>
    n === 0
      ? problem(503, 'unavailable', {}, { 'retry-after': '0' })
      : n === 1
        ? Response.json(RESERVATION, { status: 201 })
        : problem(410, 'reservation-expired'),
  );
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-client-'));
  try {
    const built = await Bun.build({
      entrypoints: [path.join(SOURCE, 'client.ts')],
      outdir: folder,
      naming: 'client.mjs',
      target: 'browser',
    });
    expect(built.success).toBe(true);
    const script = `
      const { HoldfastClient } = await import(${JSON.stringify(path.join(folder, 'client.mjs'))});
      const client = new HoldfastClient({ baseUrl: ${JSON.stringify(server.url)}, token: 't', retryBaseMs: 1 });
      const { reservation, idempotencyKey } = await client.reserve({ sku: 'A-1', quantity: 1 });
      const refusal = await client.confirm(reservation.reservation_id).catch((error) => error.code);
      console.log(JSON.stringify([process.release.name, reservation.reservation_id, typeof idempotencyKey, refusal]));`;
    const node = Bun.spawn(['node', '--input-type=module', '-e', script], {
      stdout: 'pipe',
      stderr: 'inherit',
    });
    expect(JSON.parse(await new Response(node.stdout).text())).toEqual([
      'node',
      RESERVATION.reservation_id,
      'string',
      'reservation-expired',
    ]);
    expect(await node.exited).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('its sources import nothing but themselves and types of the contract', async () => {
  const found: string[] = [];
  for await (const file of new Bun.Glob('*.ts').scan(SOURCE)) {
    const text = await Bun.file(path.join(SOURCE, file)).text();
    for (const [line, specifier] of text.matchAll(/^(?:import|export)[^;]*?from '([^']+)';/gms)) {
      if (specifier?.startsWith('./')) continue;
      if (specifier?.startsWith('@holdfast/contract/') && line.startsWith('import type')) continue;
      found.push(`${file}: ${line}`);
    }
  }
  expect(found).toEqual([]);
});

// The promise: with the platform's own WebSocket and fetch a feed works as it does among fakes, under Bun and, bundled for
// any platform, under Node.
import { expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LiveOptions, openLive } from '../src/live.ts';
import { item, itemMessage } from './scripted-live.ts';
import { RESERVATION } from './scripted-server.ts';

/** Says an item at once, and to who has a token what is theirs; asked for the item it says another. */
function service() {
  return Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, server) {
      const { pathname } = new URL(request.url);
      if (pathname === '/api/v1/inventory/A-1') return Response.json(item(7, 1));
      if (pathname === '/api/v1/live' && server.upgrade(request)) return undefined;
      return new Response(null, { status: 404 });
    },
    websocket: {
      open: (socket) => void socket.send(JSON.stringify(itemMessage(5, 0))),
      message(socket, text) {
        if (JSON.parse(String(text)).token !== 'secret') return socket.close(4401);
        socket.send(JSON.stringify({ type: 'ready' }));
        socket.send(JSON.stringify({ type: 'reservation', reservation: RESERVATION }));
      },
    },
  });
}

const NOTHING = {
  onItem: () => undefined,
  onReservation: () => undefined,
  onOrder: () => undefined,
  onState: () => undefined,
  onBeat: () => undefined,
} satisfies Partial<LiveOptions>;

test('under Bun: items, a token refused and its successor, and what is one’s own', async () => {
  using server = service();
  const tokens = ['wrong', 'secret'];
  const items: number[] = [];
  const own = await new Promise<string>((resolve) => {
    const live = openLive({
      ...NOTHING,
      baseUrl: server.url.origin,
      skus: ['A-1'],
      token: () => tokens.shift() ?? 'none',
      onItem: ({ available }) => items.push(available),
      onReservation: ({ reservation_id }) => {
        live.close();
        resolve(reservation_id);
      },
    });
  });
  expect(own).toBe(RESERVATION.reservation_id);
  expect(items).toEqual([5, 5]);
});

test('under Node: by what that version has, and nothing keeps the process once it is closed', async () => {
  using server = service();
  const folder = await mkdtemp(path.join(tmpdir(), 'holdfast-live-'));
  try {
    const built = await Bun.build({
      entrypoints: [path.join(import.meta.dir, '..', 'src', 'live.ts')],
      outdir: folder,
      naming: 'live.mjs',
      target: 'browser',
      minify: true,
    });
    expect(built.success).toBe(true);
    // No schema library comes along: it would be ten times this.
    expect(built.outputs[0]?.size).toBeLessThan(12_000);
    const script = `
      const { openLive } = await import(${JSON.stringify(path.join(folder, 'live.mjs'))});
      const nothing = () => undefined;
      const live = openLive({
        baseUrl: ${JSON.stringify(server.url.origin)}, skus: ['A-1'],
        onReservation: nothing, onOrder: nothing, onState: nothing, onBeat: nothing,
        onItem(item) { live.close(); console.log(item.sku, item.available, typeof WebSocket); },
      });`;
    const node = Bun.spawn(['node', '--input-type=module', '-e', script], {
      stdout: 'pipe',
      stderr: 'inherit',
    });
    expect((await new Response(node.stdout).text()).trim()).toBeOneOf(['A-1 5 function', 'A-1 7 undefined']);
    expect(await node.exited).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

// What those who watch hold in memory: `npm run measure:sockets`. One worker, thousands of WebSockets on one item, opened in
// steps; its resident memory after each. The
// watchers are in a process of their own. Linux only (/proc).
import { Watchers } from '../bench/src/load/watchers.ts';
import { LoadedService } from './reserve-load.ts';

const STEPS = [2_000, 4_000, 4_000];
/** For memory that was only in passing to be given back. */
const SETTLE_MS = 3_000;

const service = await LoadedService.start({
  HOLDFAST_LIVE_SOCKETS_PER_IP: '0',
  HOLDFAST_LIVE_SOCKETS: '20000',
});
const watching: Watchers[] = [];
try {
  await service.round(); // warm, and a sale to watch
  await Bun.sleep(SETTLE_MS);
  const before = service.residentBytes;
  console.log(`  ${'nobody watches'.padEnd(20)}${megabytes(before)} MB`);
  let sockets = 0;
  const { hostname: host, port } = new URL(service.url);
  for (const more of STEPS) {
    watching.push(
      await Watchers.watching({ place: { host, port: Number(port) }, sku: 'cost-0', sockets: more }),
    );
    sockets += more;
    await Bun.sleep(SETTLE_MS);
    const now = service.residentBytes;
    const kilobytes = (now - before) / sockets / 1_024;
    console.log(
      `  ${`${sockets} sockets`.padEnd(20)}${megabytes(now)} MB: ${kilobytes.toFixed(1)} kB each, what grew besides included`,
    );
  }
} finally {
  await Promise.all(watching.map((one) => one.stop()));
  await service.stop();
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0).padStart(6);
}

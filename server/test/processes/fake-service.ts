// The real supervisor and the real workers around an app that only answers what the tests of this folder ask for.
// It takes the same environment as the service; stores are named and never reached.
import { ConfigurationError, childEnvironment, describeProblems, readConfig } from '../../src/config.ts';
import { listenForStopWords } from '../../src/processes/stop-words.ts';
import { EXIT, supervise } from '../../src/processes/supervisor.ts';
import { type AppSetup, runWorker, type ServedApp } from '../../src/processes/worker.ts';
import { createLog } from '../../src/telemetry/log.ts';

if (process.argv.includes('--role=worker')) runWorker(fakeApp);
else process.exit(await serve());

async function serve(): Promise<number> {
  const read = readConfig();
  if (!read.ok) {
    console.error(describeProblems(read.problems));
    return EXIT.configuration;
  }
  return supervise({
    config: read.config,
    workerCommand: [process.execPath, import.meta.path, '--role=worker'],
    childEnvironment: childEnvironment(),
    words: listenForStopWords(read.config.parentFd),
    watch: [],
    log: createLog({ level: read.config.logLevel, process: 'supervisor' }),
    tell: (line) => console.log(line),
    complain: (line) => console.error(line),
  });
}

async function fakeApp({ config, metrics, prepare, seedDemo }: AppSetup): Promise<ServedApp> {
  // The issuer's name says how this start is to go.
  if (config.tokens.issuer === 'refused-by-store') {
    throw new ConfigurationError([
      { variable: 'DATABASE_URL', problem: 'runs without fsync', fix: 'turn it on' },
    ]);
  }
  if (config.tokens.issuer === 'store-out-of-reach') {
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  }
  metrics.readStockFrom(async () => ({
    activeReservations: 3,
    available: [{ sku: 'A-1', units: 7 }],
    journalLag: { entries: 0, seconds: 0 },
  }));
  let draining = false;
  let taken = 0;
  return {
    async fetch(request, peerAddress) {
      const url = new URL(request.url);
      switch (url.pathname) {
        case '/about':
          return Response.json({
            pid: process.pid,
            parent: process.ppid,
            peerAddress,
            prepare,
            seedDemo,
            draining,
          });
        case '/slow':
          await Bun.sleep(Number(url.searchParams.get('ms')));
          return new Response('finished');
        case '/count':
          taken += 1;
          return new Response('counted');
        case '/reserve':
          metrics.countReserve('reserved', 0.002);
          return new Response('reserved');
        case '/throw':
          throw new Error('nobody catches this');
        case '/crash':
          process.exit(9);
      }
      return new Response('?', { status: 404 });
    },
    beginDrain: () => {
      draining = true;
    },
    stop: async () => {
      console.error(`took ${taken}`);
      return { transitionsJournaled: 0 };
    },
  };
}

// The process: which role, which arguments, which exit code. Without a role it is the supervisor; the workers that it
// starts run this same file. This is where the app meets the process that serves it.
import path from 'node:path';
import { childEnvironment, describeProblems, readConfig } from './config.ts';
import { listenForStopWords } from './processes/stop-words.ts';
import { EXIT, supervise } from './processes/supervisor.ts';
import { runWorker } from './processes/worker.ts';
import { createLog } from './telemetry/log.ts';

const WORKER_ROLE = '--role=worker';
const WATCH = '--watch';

const options = process.argv.slice(2);
if (options.includes(WORKER_ROLE)) {
  // The app is loaded here alone: the supervisor needs neither the routes nor the clients of the stores.
  runWorker(async (setup) => (await import('./app.ts')).createApp(setup));
} else {
  process.exit(await serve());
}

async function serve(): Promise<number> {
  const unknown = options.filter((option) => option !== WATCH);
  if (unknown.length > 0) {
    console.error(`Holdfast takes ${WATCH} and nothing else; its settings are environment variables.`);
    return EXIT.configuration;
  }
  const read = readConfig();
  if (!read.ok) {
    console.error(describeProblems(read.problems));
    return EXIT.configuration;
  }
  const { config } = read;
  const folders = ['server/src', 'server/lua', 'server/sql', 'contract/src'];
  return await supervise({
    config,
    workerCommand: [process.execPath, '--no-env-file', import.meta.path, WORKER_ROLE],
    childEnvironment: childEnvironment(),
    words: listenForStopWords(config.parentFd),
    watch: options.includes(WATCH)
      ? folders.map((folder) => path.join(import.meta.dir, '../..', folder))
      : [],
    log: createLog({ level: config.logLevel, process: 'supervisor' }),
    tell: (line) => console.log(line),
    complain: (line) => console.error(line),
  });
}

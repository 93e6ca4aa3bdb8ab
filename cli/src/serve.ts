// `holdfast serve`: runs the service until it is told to stop, and exits as it did.
import { type Command, readOptions } from './command.ts';
import { startServer } from './server-process.ts';

const HELP = `Usage: holdfast serve [--demo] [--watch]

Runs the service. It is configured by the environment (PORT, REDIS_URL, DATABASE_URL, HOLDFAST_…);
without stores named there it starts private ones under HOLDFAST_DATA_DIR.

  --demo    seed the demo sale if there is no sale yet (unless HOLDFAST_DEMO says otherwise)
  --watch   take up the service's sources again when they change`;

export const serve: Command = {
  name: 'serve',
  summary: 'Run the service',
  help: HELP,
  run: async (args, { env, signal }) => {
    const options = readOptions(args, { demo: { type: 'boolean' }, watch: { type: 'boolean' } });
    const demo = options.demo && env.HOLDFAST_DEMO === undefined;
    const server = startServer(
      demo ? { ...env, HOLDFAST_DEMO: 'on' } : env,
      options.watch ? ['--watch'] : [],
    );
    const stop = () => void server.stop();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    return server.exited;
  },
};

// A service reduced to its embedded stores, for tests that kill it: takes its options as JSON in the first argument,
// says what happens as lines of JSON, stops in good order on SIGTERM.
import { type EmbeddedOptions, startEmbedded } from '../../src/embedded/start.ts';

const [options = '{}'] = process.argv.slice(2);

function say(event: string, details: object = {}): void {
  console.log(JSON.stringify({ event, ...details }));
}

try {
  const stores = await startEmbedded({
    ...(JSON.parse(options) as EmbeddedOptions),
    onProgress: (text) => say('progress', { text }),
    onStoreExit: (store) => say('store-exited', { store }),
    onFailed: (message) => say('over', { message }),
  });
  process.on('SIGTERM', () => void stores.stop().then(() => process.exit(0)));
  say('ready', stores);
} catch (error) {
  const { name, message } = error as Error;
  say('refused', { name, message });
}

// Loaded before every test run (`bun test --preload`): a server to test on is at hand before the first test's time
// runs, and whatever stores the tests started end with the run.
import { afterAll, setDefaultTimeout } from 'bun:test';
import { redisBinary, stopAll } from './stores.ts';

/** Making a PostgreSQL takes one second on a fast machine and ten on a slow one. */
setDefaultTimeout(30_000);

await redisBinary().catch(() => undefined); // whoever needs it meets the same refusal, and fails with its words

afterAll(stopAll);

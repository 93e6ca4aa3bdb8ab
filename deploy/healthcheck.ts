// The image's health check: exit code 0 if the service in this container answers. Not readiness: a store that is away is no
// reason to restart who waits for it. `--ready` asks for that.
export const LIMIT_MS = 2_000;

const page = process.argv.includes('--ready') ? 'readyz' : 'healthz';
const url = `http://127.0.0.1:${process.env.PORT ?? '8080'}/${page}`;
try {
  const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) });
  if (!ok) console.error(`${page} answered ${status}`);
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  console.error(`${page} does not answer: ${(error as Error).message}`);
  process.exitCode = 1;
}

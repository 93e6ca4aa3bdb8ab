// GET /metrics on a listener of its own: never on the shop's port, and on loopback unless configured otherwise,
// because what it shows (stock, rates) is the operator's.
export interface MetricsListener {
  readonly url: string;
  stop(): Promise<void>;
}

/** A scraper that stalls is closed after this. */
const IDLE_LIMIT_SECONDS = 10;

/** @throws with code EADDRINUSE or EADDRNOTAVAIL when the address cannot be had. */
export function listenForScrapes(
  address: { readonly host: string; readonly port: number },
  text: () => Promise<string>,
): MetricsListener {
  // Scrapes at the same moment share one collection: asking the workers costs them time.
  let collecting: Promise<string> | undefined;
  const collect = () => {
    collecting ??= text().finally(() => {
      collecting = undefined;
    });
    return collecting;
  };
  const server = Bun.serve({
    hostname: address.host,
    port: address.port,
    development: false,
    idleTimeout: IDLE_LIMIT_SECONDS,
    async fetch(request) {
      if (new URL(request.url).pathname !== '/metrics') return plain(404, 'The metrics are at /metrics\n');
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return plain(405, 'GET only\n', { allow: 'GET, HEAD' });
      return new Response(await collect(), {
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      });
    },
    error: () => plain(500, 'The metrics could not be collected\n'),
  });
  return {
    url: new URL('/metrics', server.url).href,
    stop: () => server.stop(true),
  };
}

function plain(status: number, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } });
}

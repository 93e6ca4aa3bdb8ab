// The service with a browser before it: real stores, the real service, the system's own Chromium. A machine without one
// fails here, in words: nothing is skipped.
import { afterAll, afterEach, beforeAll } from 'bun:test';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { operator, type Service, startService } from '../../server/test/harness/service.ts';
import {
  type FreshDatabase,
  freshDatabase,
  startRedis,
  type TestStore,
} from '../../server/test/harness/stores.ts';
import { until } from '../../server/test/harness/until.ts';

/** Stores, service and browser on a busy machine of two cores. */
const START_LIMIT_MS = 90_000;
/** Of one wait inside a test: far more than anything here takes. */
export const WAIT_MS = 20_000;
/** Of one test, which is many waits. */
export const TEST_MS = 60_000;

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
/** A screenshot that is larger tells no more, and every clone carries it. */
const SCREENSHOT_LIMIT_BYTES = 200_000;
const SCREENSHOTS = path.join(import.meta.dir, '../../docs/screenshots');

export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
};
export const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 860 } };

/** @throws in words when there is none. */
export function findChromium(): string {
  const named = process.env.HOLDFAST_CHROMIUM;
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(
      `HOLDFAST_CHROMIUM names ${named}, which is not there. Unset it or point it at a Chromium.`,
    );
  }
  for (const name of NAMES) {
    const found = Bun.which(name);
    if (found) return found;
  }
  throw new Error(
    `No Chromium was found (${NAMES.join(', ')}). Install one, such as Debian's package chromium, or name it in HOLDFAST_CHROMIUM.`,
  );
}

export interface Stage {
  readonly url: string;
  readonly redis: TestStore;
  readonly service: Service;
  readonly browser: Browser;
  /** A shopper's or operator's own browser profile, closed after the test. */
  visitor(options?: BrowserContextOptions): Promise<Visitor>;
}

export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the pages complained about: errors, and what the policy kept out. Empty when all is well. */
  readonly complaints: string[];
  /** A further tab of the same profile. */
  tab(): Promise<Page>;
}

/** One service and one browser for a test file. */
export function stage(options: { readonly env?: Record<string, string> } = {}): Stage {
  let redis: TestStore;
  let database: FreshDatabase;
  let service: Service;
  let browser: Browser;
  const open = new Set<BrowserContext>();

  beforeAll(async () => {
    const executablePath = findChromium();
    [redis, database] = await Promise.all([startRedis(), freshDatabase()]);
    service = await startService({ redisUrl: redis.url, databaseUrl: database.url, ...options });
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  }, START_LIMIT_MS);
  afterEach(async () => {
    await Promise.all([...open].map((context) => context.close()));
    open.clear();
  });
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
    await Promise.all([redis?.stop(), database?.drop()]);
  }, START_LIMIT_MS);

  return {
    get url() {
      return service.url;
    },
    get redis() {
      return redis;
    },
    get service() {
      return service;
    },
    get browser() {
      return browser;
    },
    async visitor(contextOptions = DESKTOP) {
      const context = await browser.newContext({ baseURL: service.url, locale: 'en-GB', ...contextOptions });
      open.add(context);
      context.setDefaultTimeout(WAIT_MS);
      const complaints: string[] = [];
      await context.addInitScript(WATCH_POLICY_AND_LAYOUT);
      const watch = (page: Page): Page => {
        page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
        page.on('console', (message) => {
          const text = message.text();
          // Refusals are answers, and browsers log each: the tests look at what the page makes of them.
          const answer = /^(?:Failed to load resource|WebSocket connection to)/.test(text);
          if (message.type() === 'error' && !answer) complaints.push(`console: ${text}`);
        });
        return page;
      };
      const page = watch(await context.newPage());
      return { context, page, complaints, tab: async () => watch(await context.newPage()) };
    },
  };
}

/** Runs in the page before its own scripts: what the policy keeps out is logged as an error, what moves is counted. */
const WATCH_POLICY_AND_LAYOUT = `
  addEventListener('securitypolicyviolation', (event) => {
    console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI);
  });
  globalThis.layoutShifts = [];
  try {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        const moved = entry.sources.map(({ node }) => (node && (node.className || node.nodeName)) || '?');
        globalThis.layoutShifts.push({ value: entry.value, moved: String(moved) });
      }
    }).observe({ type: 'layout-shift', buffered: true });
  } catch {}
`;

/** What moved by itself since the last call. */
export async function layoutShifts(page: Page): Promise<readonly { value: number; moved: string }[]> {
  return await page.evaluate('globalThis.layoutShifts.splice(0)');
}

export interface SaleOptions {
  readonly stock?: number;
  readonly items?: number;
  readonly ttlSeconds?: number;
  readonly cap?: number;
  readonly maxExtensions?: number;
  readonly opensInMs?: number;
}

const NAMES_OF_ITEMS = ['Founders’ jacket', 'Harbour lamp', 'Signed print, one of ten', 'Enamel mug'];
const PRICES = [12_900, 8_900, 24_000, 1_800];
let salesMade = 0;

/** A fresh sale; `sku(0)` is its first item. */
export async function makeSale(
  url: string,
  { stock = 10, items = 1, ttlSeconds = 300, cap, maxExtensions, opensInMs }: SaleOptions = {},
): Promise<{ readonly id: string; readonly path: string; readonly sku: (item: number) => string }> {
  salesMade += 1;
  const id = `drop-${process.pid}-${salesMade}`;
  const sku = (item: number) => `${id.toUpperCase()}-${item + 1}`;
  const body = {
    id,
    name: 'Spring drop',
    reservation_ttl_seconds: ttlSeconds,
    ...(maxExtensions !== undefined && { max_extensions: maxExtensions }),
    ...(opensInMs !== undefined && { opens_at: new Date(Date.now() + opensInMs).toISOString() }),
    items: Array.from({ length: items }, (_, item) => ({
      sku: sku(item),
      name: NAMES_OF_ITEMS[item % NAMES_OF_ITEMS.length],
      stock,
      price: { amount_minor: PRICES[item % PRICES.length], currency: 'EUR' },
      ...(cap !== undefined && { max_per_customer: cap }),
    })),
  };
  const reply = await operator(url).post('/api/v1/admin/sales', body);
  // 503: the ledger has it; on a busy machine the stock store takes it over a moment later.
  if (reply.status !== 201 && reply.status !== 503) throw new Error(`the sale was refused: ${reply.text}`);
  await until('the sale takes reservations', async () => {
    const item = await operator(url).get(`/api/v1/inventory/${sku(items - 1)}`);
    return item.status === 200;
  });
  return { id, path: `/sales/${id}`, sku };
}

/** With `npm run e2e -- --screenshots`: into docs/screenshots, as the README shows them. */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (process.env.HOLDFAST_SCREENSHOTS !== '1') return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  const file = path.join(SCREENSHOTS, `${name}.png`);
  await page.screenshot({ path: file, animations: 'disabled', caret: 'hide' });
  const { size } = statSync(file);
  if (size > SCREENSHOT_LIMIT_BYTES) throw new Error(`${name}.png has ${size} bytes; show less in it`);
}

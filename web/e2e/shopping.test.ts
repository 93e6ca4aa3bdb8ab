// A shopper's visit, from the first look to the order: what is reserved is theirs until the store's deadline, and every
// way it can end is said. The service and the browser are real.
import { describe, expect, test } from 'bun:test';
import { Caller, operator } from '../../server/test/harness/service.ts';
import { makeSale, screenshot, stage, type Visitor, WAIT_MS } from './harness.ts';

const here = stage();
const PRESSES = 10;

/** Chooses `quantity` of an item and presses Reserve. */
async function choose({ page }: Visitor, sku: string, quantity = 1): Promise<void> {
  const card = page.locator(`[data-sku="${sku}"]`);
  for (let unit = 0; unit < quantity; unit += 1) await card.getByRole('button', { name: /more$/ }).click();
}

const reserveButton = ({ page }: Visitor) => page.locator('button.reserve');
const held = ({ page }: Visitor) => page.locator('[data-reservation]');
/**
 * Presses Reserve, and again while the store has no answer, as the page says to: a busy machine may keep it from one.
 * Resolves when the units are held, or were refused.
 */
async function reserve(visitor: Visitor): Promise<void> {
  await reserveButton(visitor).click();
  const settled = visitor.page.locator('[data-reservation], [data-ended], .cart .notice-bad');
  const again = visitor.page.getByRole('button', { name: 'Ask again' });
  for (let press = 0; press < PRESSES; press += 1) {
    await settled.first().waitFor();
    if ((await again.count()) === 0) return;
    await again.click();
    await again.waitFor({ state: 'detached' });
  }
  throw new Error(`the store had no answer, ${PRESSES} times`);
}

const stockOf = ({ page }: Visitor, sku: string) => page.locator(`[data-sku="${sku}"] .stock`);

async function visit(path: string): Promise<Visitor> {
  const visitor = await here.visitor();
  await visitor.page.goto(path);
  return visitor;
}

describe('a visit', () => {
  test('reserve, watch the countdown, pay, and find the order again', async () => {
    const sale = await makeSale(here.url, { stock: 5, items: 3 });
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0), 2);
    await choose(shopper, sale.sku(1));
    await screenshot(shopper.page, 'sale-desktop');
    await reserve(shopper);
    await held(shopper).waitFor();
    const clock = held(shopper).getByRole('timer');
    const before = await clock.textContent();
    expect(before).toMatch(/^(5:00|4:5\d)$/);
    await shopper.page.waitForFunction(
      (text) => document.querySelector('[data-reservation] [role=timer]')?.textContent !== text,
      before,
    );
    await screenshot(shopper.page, 'reserved-desktop');
    await held(shopper).getByRole('button', { name: 'Pay' }).click();
    const dialog = shopper.page.getByRole('dialog');
    await dialog.getByText('Simulated payment').waitFor();
    await screenshot(shopper.page, 'payment-desktop');
    await dialog.getByRole('button', { name: 'Pay now' }).click();
    await shopper.page.getByRole('heading', { name: 'It is yours' }).waitFor();
    await shopper.page.getByText(/^sim_/).waitFor();
    await screenshot(shopper.page, 'order-desktop');
    await shopper.page.goto('/orders');
    await shopper.page.getByRole('link', { name: '2 × Founders’ jacket, 1 × Harbour lamp' }).waitFor();
    expect(await shopper.page.locator('.order-link').count()).toBe(1);
    await screenshot(shopper.page, 'orders-desktop');
    const item = (await operator(here.url).get(`/api/v1/inventory/${sale.sku(0)}`)).body;
    expect([item.available, item.reserved, item.sold]).toEqual([3, 0, 2]);
    expect(shopper.complaints).toEqual([]);
  });

  test('a payment that fails takes nothing away; a slow one is given more time first', async () => {
    const sale = await makeSale(here.url, { ttlSeconds: 60 });
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0));
    await reserve(shopper);
    await held(shopper).getByRole('button', { name: 'Pay' }).click();
    const dialog = shopper.page.getByRole('dialog');
    await dialog.getByText('Fails', { exact: true }).click();
    await dialog.getByRole('button', { name: 'Pay now' }).click();
    await dialog.getByText('The payment was declined').waitFor();
    await dialog.getByText('Succeeds slowly').click();
    await dialog.getByRole('button', { name: 'Pay now' }).click();
    await dialog.getByText(/^2:\d\d$/).waitFor();
    await shopper.page.getByRole('heading', { name: 'It is yours' }).waitFor();
  });

  test('release gives it back, and extra time is given as often as the sale allows', async () => {
    const sale = await makeSale(here.url, { ttlSeconds: 60, maxExtensions: 1 });
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0));
    await reserve(shopper);
    await held(shopper).getByRole('button', { name: 'Add 2 minutes' }).click();
    await held(shopper)
      .getByText(/^2:\d\d$/)
      .waitFor();
    await held(shopper).locator('button[aria-disabled]', { hasText: 'used up' }).waitFor();
    await held(shopper).getByRole('button', { name: 'Release' }).click();
    await shopper.page.locator('[data-ended=released]').waitFor();
    expect((await operator(here.url).get(`/api/v1/inventory/${sale.sku(0)}`)).body.available).toBe(10);
    await shopper.page.getByRole('button', { name: 'All right' }).click();
    await shopper.page.getByText('Choose how many you want').waitFor();
  });

  test('it expires before the shopper’s eyes, and the stock is back for the next', async () => {
    const sale = await makeSale(here.url, { stock: 1, ttlSeconds: 4 });
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0));
    await reserve(shopper);
    await held(shopper).waitFor();
    await shopper.page.locator('[data-ended=expired]').waitFor();
    await shopper.page.locator('[data-ended]').getByText('Time is up').waitFor();
    await shopper.page.locator(`[data-sku="${sale.sku(0)}"] [data-status=on_sale]`).waitFor();
    await screenshot(shopper.page, 'expired-desktop');
  });

  test('the countdown to the opening runs on the store’s clock, whatever the browser’s says', async () => {
    const sale = await makeSale(here.url, { opensInMs: 6_000 });
    const shopper = await here.visitor();
    // A browser that is an hour late and jumps about.
    await shopper.context.addInitScript('const now = Date.now; Date.now = () => now() - 3_600_000;');
    await shopper.page.goto(sale.path);
    await shopper.page.getByText(/^0:0[1-6]$/).waitFor();
    await screenshot(shopper.page, 'opening-desktop');
    await shopper.page.locator(`[data-sku="${sale.sku(0)}"] [data-status=on_sale]`).waitFor();
    await choose(shopper, sale.sku(0));
    await reserve(shopper);
    await held(shopper)
      .getByText(/^(5:00|4:\d\d)$/)
      .waitFor();
  });
});

describe('the last unit', () => {
  test('of two browsers one has it, and the other reads that it may return, then that it is sold', async () => {
    const sale = await makeSale(here.url, { stock: 1 });
    const shoppers = await Promise.all([visit(sale.path), visit(sale.path)]);
    for (const shopper of shoppers) await choose(shopper, sale.sku(0));
    await Promise.all(shoppers.map(reserve));
    const counts = await Promise.all(shoppers.map((shopper) => held(shopper).count()));
    expect([...counts].sort()).toEqual([0, 1]);
    const [winner, loser] = counts[0] === 1 ? shoppers : [...shoppers].reverse();
    if (!winner || !loser) throw new Error('nobody was there');
    await loser.page.getByText('All reserved, some may return').waitFor();
    await loser.page.locator('.stock[data-status=all_reserved]').waitFor();
    await screenshot(loser.page, 'all-reserved-desktop');
    await held(winner).getByRole('button', { name: 'Pay' }).click();
    await winner.page.getByRole('button', { name: 'Pay now' }).click();
    await winner.page.getByRole('heading', { name: 'It is yours' }).waitFor();
    await loser.page.locator('.stock[data-status=sold_out]').waitFor();
    await reserveButton(loser).click();
    await loser.page.getByRole('alert').getByText('Sold out').waitFor();
  });
});

describe('one wish, one reservation', () => {
  const reservationsOf = async (visitor: Visitor): Promise<number> => {
    const customer = await visitor.page.evaluate(() => localStorage.getItem('holdfast.customer'));
    const list = await new Caller(here.url, customer ?? '').get('/api/v1/reservations');
    return list.body.data.length;
  };

  test('a double click', async () => {
    const sale = await makeSale(here.url, {});
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0));
    await reserveButton(shopper).dblclick();
    await held(shopper).waitFor();
    expect(await reservationsOf(shopper)).toBe(1);
  });

  test('a reload while it is being asked, its answer lost', async () => {
    const sale = await makeSale(here.url, {});
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0));
    // The request arrives, its answer does not.
    await shopper.page.route('**/inventory/reserve', async (route) => {
      await route.fetch();
      await shopper.page.unroute('**/inventory/reserve');
      await shopper.page.reload();
    });
    await reserve(shopper);
    await held(shopper).waitFor();
    await shopper.page.getByText('Your cart').waitFor({ state: 'detached' });
    expect(await reservationsOf(shopper)).toBe(1);
    const item = (await operator(here.url).get(`/api/v1/inventory/${sale.sku(0)}`)).body;
    expect(item.reserved).toBe(1);
  });

  test('two tabs at once', async () => {
    const sale = await makeSale(here.url, {});
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0));
    const other: Visitor = { ...shopper, page: await shopper.tab() };
    await other.page.goto(sale.path);
    await reserveButton(other).waitFor(); // the cart is the same one
    await Promise.all([reserve(shopper), reserve(other)]);
    await Promise.all([held(shopper).waitFor(), held(other).waitFor()]);
    expect(await reservationsOf(shopper)).toBe(1);
  });

  test('a connection that is lost and comes back', async () => {
    const sale = await makeSale(here.url, {});
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0));
    await shopper.context.setOffline(true);
    await reserveButton(shopper).click();
    await shopper.page.getByText('No connection').waitFor();
    await shopper.context.setOffline(false);
    await shopper.page.getByRole('button', { name: 'Ask again' }).click();
    await held(shopper).waitFor();
    expect(await reservationsOf(shopper)).toBe(1);
    // And the page is live again: what an operator does is seen.
    await operator(here.url).post(
      `/api/v1/admin/items/${sale.sku(0)}/stock`,
      { delta: 7, reason: 'second delivery' },
      crypto.randomUUID(),
    );
    await shopper.page.locator(`[data-sku="${sale.sku(0)}"] [data-available="16"]`).waitFor();
  });

  test('coming back finds the reservation again, on every page', async () => {
    const sale = await makeSale(here.url, {});
    const shopper = await visit(sale.path);
    await choose(shopper, sale.sku(0));
    await reserve(shopper);
    await held(shopper).waitFor();
    await shopper.page.goto('/');
    await shopper.page.getByRole('link', { name: /^Reserved/ }).click();
    await held(shopper).waitFor();
  });
});

describe('live stock', () => {
  test('a restock is seen on the page', async () => {
    const sale = await makeSale(here.url, { stock: 3 });
    const shopper = await visit(sale.path);
    await stockOf(shopper, sale.sku(0)).and(shopper.page.locator('[data-available="3"]')).waitFor();
    await shopper.page.locator('.live-pill[data-state=live], .live-pill[data-state=polling]').waitFor();
    const state = await shopper.page.locator('.live-pill').getAttribute('data-state');
    const seen = shopper.page.locator(`[data-sku="${sale.sku(0)}"] [data-available="13"]`).waitFor();
    const reply = await operator(here.url).post(
      `/api/v1/admin/items/${sale.sku(0)}/stock`,
      { delta: 10, reason: 'second delivery' },
      crypto.randomUUID(),
    );
    expect(reply.status).toBe(200);
    const answeredAt = performance.now();
    await seen;
    const took = Math.max(0, performance.now() - answeredAt);
    console.log(`a restock was on the page ${took.toFixed(0)} ms after its answer (feed: ${state})`);
    expect(took).toBeLessThan(WAIT_MS);
  });
});

// Everybody can shop: with a screen reader, by keyboard alone, on a phone, in the dark; nothing moves under the finger
// when numbers tick; and the page keeps to its own policy.
import { describe, expect, test } from 'bun:test';
import type { Page } from 'playwright-core';
import { Caller, operator } from '../../server/test/harness/service.ts';
import { violations } from './accessibility.ts';
import { layoutShifts, makeSale, PHONE, screenshot, stage } from './harness.ts';

const here = stage();
/** More than any page here has stops. */
const TABS = 60;

async function choose(page: Page, sku: string): Promise<void> {
  await page.locator(`[data-sku="${sku}"]`).getByRole('button', { name: /more$/ }).click();
}

/** Presses Tab until what has the focus is called so. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let tab = 0; tab < TABS; tab += 1) {
    await page.keyboard.press('Tab');
    const focused: string = await page.evaluate(() => {
      const { activeElement } = document;
      return activeElement?.getAttribute('aria-label') ?? activeElement?.textContent ?? '';
    });
    if (name.test(focused)) return;
  }
  throw new Error(`the keyboard never came to ${name}`);
}

/** Reserves with what is in the cart, asking again while a busy machine has no answer. */
async function reserve(page: Page, press: () => Promise<void>): Promise<void> {
  await press();
  const held = page.locator('[data-reservation]');
  const again = page.getByRole('button', { name: 'Ask again' });
  await held.or(again).first().waitFor();
  if ((await held.count()) === 0) await reserve(page, () => again.click());
}

describe('axe finds nothing to complain about, in light and dark, at a desk and on a phone', () => {
  test('on the way from the first page to the order', async () => {
    const sale = await makeSale(here.url, { items: 4, cap: 2 });
    const { page, complaints } = await here.visitor();
    const found: string[] = [];
    const look = async () => {
      found.push(...(await violations(page)));
    };
    await page.goto('/');
    await page.locator('.sale-card').first().waitFor();
    await look();
    await page.goto(sale.path);
    await page.locator('.item').nth(3).waitFor();
    await look();
    await choose(page, sale.sku(0));
    await choose(page, sale.sku(3));
    await page.locator('button.reserve').waitFor();
    await look();
    await reserve(page, () => page.locator('button.reserve').click());
    await look();
    await page.getByRole('button', { name: 'Pay' }).click();
    await page.getByText('Fails', { exact: true }).click();
    await page.getByRole('button', { name: 'Pay now' }).click();
    await page.getByText('The payment was declined').waitFor();
    await look();
    await page.getByText('Succeeds', { exact: true }).click();
    await page.getByRole('button', { name: 'Pay now' }).click();
    await page.getByRole('heading', { name: 'It is yours' }).waitFor();
    await look();
    await page.goto('/orders');
    await page.locator('.order-link').waitFor();
    await look();
    expect(found).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('on what is not open, sold out, closed, refused or not there', async () => {
    const { page } = await here.visitor();
    const found: string[] = [];
    const look = async () => {
      found.push(...(await violations(page)));
    };
    const early = await makeSale(here.url, { opensInMs: 3_600_000 });
    await page.goto(early.path);
    await page.locator('.opening-clock').waitFor();
    await page.locator('.item .stock').waitFor();
    await look();
    const gone = await makeSale(here.url, { stock: 0 });
    await page.goto(gone.path);
    await page.locator('[data-status=sold_out]').waitFor();
    await look();
    await operator(here.url).post(`/api/v1/admin/sales/${gone.id}/close`, {});
    await page.goto(gone.path);
    await page.getByText('This sale is over.').waitFor();
    await look();
    await page.goto('/sales/no-such-sale');
    await page.getByRole('alert').waitFor();
    await look();
    await page.goto('/orders/ord_AAAAAWJ2bkE4dXJ5aG9sZA');
    await page.getByRole('alert').waitFor();
    await look();
    expect(found).toEqual([]);
  });
});

describe('without a mouse', () => {
  test('by keyboard alone from the item to the order', async () => {
    const sale = await makeSale(here.url, {});
    const { page, complaints } = await here.visitor();
    await page.goto(sale.path);
    await page.locator('.item .stock').waitFor();
    await tabTo(page, /^One .* more$/);
    await page.keyboard.press('Enter');
    await page.locator('button.reserve').waitFor();
    await tabTo(page, /^Reserve 1 unit/);
    await reserve(page, () => page.keyboard.press('Enter'));
    await tabTo(page, /^Pay$/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // The focus is back where it was.
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(page, /^Pay now$/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'It is yours' }).waitFor();
    expect(complaints).toEqual([]);
  });

  test('a screen reader hears what was reserved, and that an item ran out, once', async () => {
    const sale = await makeSale(here.url, { stock: 2 });
    const { page } = await here.visitor();
    await page.goto(sale.path);
    await choose(page, sale.sku(0));
    await reserve(page, () => page.locator('button.reserve').click());
    const announcer = page.getByTestId('announcer');
    await announcer.getByText(/^Reserved for you for (5 minutes|4 minutes 5\d seconds)/).waitFor();
    await new Caller(here.url, 'someone-else').reserve({ [sale.sku(0)]: 1 });
    await announcer.getByText('All reserved, may return').waitFor();
  });
});

describe('nothing moves by itself', () => {
  for (const [name, options] of [
    ['at a desk', undefined],
    ['on a phone', PHONE],
  ] as const) {
    test(`when stock and countdowns tick, ${name}`, async () => {
      const sale = await makeSale(here.url, { stock: 11, items: 2 });
      const { page } = await here.visitor(options);
      await page.goto(sale.path);
      await choose(page, sale.sku(1));
      await reserve(page, () => page.locator('button.reserve').click());
      const stock = page.locator(`[data-sku="${sale.sku(0)}"] .stock`);
      await stock.waitFor();
      await layoutShifts(page);
      const other = new Caller(here.url, 'someone-else');
      // Two digits become one, and two again.
      const taken = await other.reserve({ [sale.sku(0)]: 9 });
      await page.locator(`[data-sku="${sale.sku(0)}"] [data-available="2"]`).waitFor();
      await other.release(taken.body.reservation_id);
      await page.locator(`[data-sku="${sale.sku(0)}"] [data-available="11"]`).waitFor();
      const clock = page.locator('[data-reservation] [role=timer]');
      for (let second = 0; second < 3; second += 1) {
        const before = await clock.textContent();
        await page.waitForFunction(
          (text) => document.querySelector('[data-reservation] [role=timer]')?.textContent !== text,
          before,
        );
      }
      expect(await layoutShifts(page)).toEqual([]);
    });
  }
});

test('pictures of every page, on a phone and in the dark', async () => {
  const sale = await makeSale(here.url, { items: 4, stock: 40, cap: 2 });
  const early = await makeSale(here.url, { items: 2, opensInMs: 745_000 });
  const { page, complaints } = await here.visitor(PHONE);
  await new Caller(here.url, 'someone').reserve({ [sale.sku(0)]: 1, [sale.sku(1)]: 2 });
  await page.goto('/');
  await page.locator('.sale-card').first().waitFor();
  await screenshot(page, 'home-phone');
  await page.goto(early.path);
  await page.locator('.item .stock').first().waitFor();
  await page.emulateMedia({ colorScheme: 'dark' });
  await screenshot(page, 'opening-phone-dark');
  await page.goto(sale.path);
  await choose(page, sale.sku(0));
  await choose(page, sale.sku(2));
  await screenshot(page, 'sale-phone-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await screenshot(page, 'sale-phone');
  await reserve(page, () => page.locator('button.reserve').click());
  await screenshot(page, 'reserved-phone');
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.getByRole('dialog').waitFor();
  await screenshot(page, 'payment-phone');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('button', { name: 'Pay now' }).click();
  await page.getByRole('heading', { name: 'It is yours' }).waitFor();
  await screenshot(page, 'order-phone-dark');
  await page.setViewportSize({ width: 1280, height: 860 });
  await page.goto(sale.path);
  await page.locator('.item .stock').first().waitFor();
  await screenshot(page, 'sale-desktop-dark');
  expect(complaints).toEqual([]);
});

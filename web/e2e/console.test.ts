// The console is enough to run a sale with: sign in by the link, create a sale, see it live, restock with a reason and
// find that in the audit, release a reservation for its customer, race, and look at what was.
import { describe, expect, test } from 'bun:test';
import type { Page } from 'playwright-core';
import { Caller, operator, token } from '../../server/test/harness/service.ts';
import { until } from '../../server/test/harness/until.ts';
import { makeSale, screenshot, stage, TEST_MS, type Visitor } from './harness.ts';

const here = stage();
const OPERATOR = 'olga';
/** The longest that a race may take, and its verdict. */
const RACE_MS = 45_000;

const link = (path = '/console') => `${path}#token=${token(OPERATOR, 'holdfast:operator')}`;

async function signedIn(path = '/console'): Promise<Visitor> {
  const visitor = await here.visitor();
  await visitor.page.goto(link(path));
  await visitor.page.getByText(OPERATOR, { exact: true }).waitFor();
  return visitor;
}

/** A customer's reservation of one unit. */
async function reserve(sub: string, sku: string): Promise<string> {
  const reply = await new Caller(here.url, sub).reserve({ [sku]: 1 });
  if (reply.status !== 201) throw new Error(`${sub} got nothing: ${reply.text}`);
  return reply.body.reservation_id;
}

async function confirm(sub: string, id: string): Promise<void> {
  const reply = await new Caller(here.url, sub).confirm(id);
  if (reply.status !== 200) throw new Error(`${sub} could not confirm: ${reply.text}`);
}

const keyFigure = (page: Page, label: string) =>
  page.locator('.key-figure', { hasText: label }).locator('.key-value').first();

describe('signing in', () => {
  test(
    'by the link leaves no token in the address bar, nor in localStorage',
    async () => {
      const { page, complaints } = await signedIn();
      expect(new URL(page.url()).hash).toBe('');
      expect(await page.evaluate('localStorage.length')).toBe(0);
      await page.reload();
      await page.getByText(OPERATOR, { exact: true }).waitFor();
      expect(complaints).toEqual([]);
    },
    TEST_MS,
  );

  test(
    'says so when the token is no operator’s, or none at all',
    async () => {
      const { page } = await here.visitor();
      await page.goto(`/console#token=${token('alice')}`);
      await page.getByText('has no operator scope').waitFor();
      await page.getByLabel('Access token').fill('nonsense');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('not an access token').waitFor();
      await screenshot(page, 'console-sign-in');
      await page.getByLabel('Access token').fill(token(OPERATOR, 'holdfast:operator'));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Sales' }).waitFor();
    },
    TEST_MS,
  );

  test(
    'again after the service refused the token, without losing what was typed',
    async () => {
      const { page } = await signedIn('/console/new-sale');
      await page.getByLabel('Name').first().fill('Half a sale');
      await page.getByLabel('SKU').fill('HALF-1');
      await page.getByRole('textbox', { name: /^Units/ }).fill('3');
      await page.getByLabel('Id').fill('half-a-sale');
      const refuse = (route: import('playwright-core').Route) =>
        route.fulfill({
          status: 401,
          contentType: 'application/problem+json',
          body: JSON.stringify({
            code: 'unauthenticated',
            title: 'A valid access token is required',
            status: 401,
          }),
        });
      await page.route('**/api/v1/admin/**', refuse);
      await page.getByRole('button', { name: 'Create the sale' }).click();
      await page.getByRole('heading', { name: 'Sign in again' }).waitFor();
      await page.unroute('**/api/v1/admin/**', refuse);
      await page.getByLabel('Access token').fill(token(OPERATOR, 'holdfast:operator'));
      await page.getByRole('button', { name: 'Sign in' }).click();
      expect(await page.getByLabel('Name').first().inputValue()).toBe('Half a sale');
      await page.getByRole('button', { name: 'Create the sale' }).click();
      await page.getByRole('heading', { name: 'Half a sale' }).waitFor();
    },
    TEST_MS,
  );
});

describe('a sale', () => {
  test(
    'is created, seen live, restocked with a reason, and found in the audit',
    async () => {
      const { page, complaints } = await signedIn();
      await page.getByRole('link', { name: 'New sale' }).click();
      await page.getByLabel('Id').fill('Evening Drop');
      await page.getByLabel('Name').first().fill('Evening drop');
      await page.getByLabel('SKU').fill('EVENING-1');
      await page.getByRole('textbox', { name: /^Units/ }).fill('40');
      await page.getByLabel('Price').fill('29.99');
      await page.getByRole('button', { name: 'Create the sale' }).click();
      // The message of the service stands at the field it is about.
      await page.getByText('must be a sale id').waitFor();
      await screenshot(page, 'console-new-sale');
      await page.getByLabel('Id').fill('evening-drop');
      await page.getByRole('button', { name: 'Create the sale' }).click();
      await page.getByRole('heading', { name: 'Evening drop' }).waitFor();
      await until(
        'the stock is shown',
        async () => (await keyFigure(page, 'Available').textContent()) === '40',
      );

      await confirm('live-1', await reserve('live-1', 'EVENING-1'));
      await reserve('live-2', 'EVENING-1');
      await until('one is sold', async () => (await keyFigure(page, 'Sold').textContent()) === '1');
      await until('one is reserved', async () => (await keyFigure(page, 'Reserved').textContent()) === '1');
      // The databases of the tests trade durability for speed, and the page says so.
      await page.locator('.sign', { hasText: 'Redis' }).getByText('answers').waitFor();
      await page.locator('.sign', { hasText: 'fsync off' }).waitFor();
      await page.locator('.bars', { hasText: 'Attempts' }).getByText('2', { exact: true }).first().waitFor();
      await screenshot(page, 'console-live');

      await page
        .getByRole('navigation', { name: 'Views of this sale' })
        .getByRole('link', { name: 'Items' })
        .click();
      await page.getByRole('button', { name: 'Change the stock of' }).click();
      await page.getByRole('textbox', { name: /^Units/ }).fill('10');
      await page.getByRole('button', { name: 'Bring in' }).click();
      await page.getByText('it stays in the journal').waitFor();
      await page.getByLabel('Reason').fill('second delivery');
      await page.getByLabel('Reference').fill('PO-1042');
      // Another operator was faster: nothing happens, and the page says why.
      await operator(here.url).post(
        '/api/v1/admin/items/EVENING-1/stock',
        { delta: 1, reason: 'count' },
        'faster',
      );
      await page.getByRole('button', { name: 'Bring in' }).click();
      await page.getByText('The total has changed while this was open').waitFor();
      await page.getByRole('button', { name: 'Look again' }).click();
      await page.getByText('41 in all').waitFor();
      await page.getByRole('button', { name: 'Bring in' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.getByRole('cell', { name: '51', exact: true }).waitFor();
      await screenshot(page, 'console-items');

      await page.getByRole('link', { name: 'Its audit' }).click();
      const row = page.getByRole('row', { name: /second delivery/ });
      await row.waitFor();
      expect(await row.textContent()).toContain('41 → 51');
      expect(await row.textContent()).toContain(OPERATOR);
      await screenshot(page, 'console-audit');
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Export as CSV' }).click();
      const file = await (await download).createReadStream();
      const csv = await new Response(file as never).text();
      expect(csv).toContain('second delivery');
      expect(complaints).toEqual([]);
    },
    TEST_MS,
  );

  test(
    'is changed and closed, and the dialog says what that means',
    async () => {
      const sale = await makeSale(here.url, { stock: 3 });
      const { page } = await signedIn(`/console/sales/${sale.id}/items`);
      await page.getByRole('button', { name: 'Change the sale' }).click();
      await page.getByLabel('Time to pay').fill('120');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      const read = await fetch(`${here.url}/api/v1/sales/${sale.id}`);
      expect(await read.json()).toMatchObject({ reservation_ttl_seconds: 120, name: 'Spring drop' });
      await page.getByRole('button', { name: 'Close the sale' }).click();
      await page.getByText('nobody can reserve any more').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Close the sale' }).click();
      await page.locator('.badge', { hasText: 'Closed' }).waitFor();
    },
    TEST_MS,
  );
});

describe('a reservation', () => {
  test(
    'is found, released for its customer with a reason, and tells its history',
    async () => {
      const sale = await makeSale(here.url, { stock: 3 });
      const id = await reserve('carla', sale.sku(0));
      const { page, complaints } = await signedIn('/console/reservations');
      await page.getByLabel('Sale').fill(sale.id);
      await page.getByLabel('Status').selectOption('active');
      await page.getByRole('button', { name: 'Search' }).click();
      expect(new URL(page.url()).search).toBe(`?sale=${sale.id}&status=active`);
      await screenshot(page, 'console-reservations');
      await page.getByRole('link', { name: id }).click();
      await page.getByRole('button', { name: 'Release for the customer' }).click();
      await page.getByLabel('Reason').fill('customer called');
      await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
      await page.locator('.badge', { hasText: 'released' }).waitFor();
      await page.locator('.timeline', { hasText: 'customer called' }).waitFor();
      await screenshot(page, 'console-reservation');
      const status = await new Caller(here.url, 'carla').get(`/api/v1/reservations/${id}`);
      expect(status.body.status).toBe('released');
      await page.goBack();
      expect(await page.getByLabel('Sale').inputValue()).toBe(sale.id);
      expect(complaints).toEqual([]);
    },
    TEST_MS,
  );
});

describe('the race lab', () => {
  test(
    'shows a race as it happens and reads out the verdict',
    async () => {
      const { page, complaints } = await signedIn('/console/race');
      await page.getByLabel('Shoppers').fill('1');
      await page.getByRole('button', { name: 'Start the race' }).click();
      await page.locator('.field-error').waitFor();
      await page.getByLabel('Shoppers').fill('60');
      await page.getByLabel('Units').fill('4');
      await page.getByRole('button', { name: 'Start the race' }).click();
      await page.getByRole('heading', { name: 'Promise by promise' }).waitFor({ timeout: RACE_MS });
      expect(await page.locator('.notice').first().textContent()).toContain('All promises held');
      await until('everybody is somewhere', async () => {
        const counts = await page.locator('.places dd').allTextContents();
        return counts.reduce((sum, count) => sum + Number(count), 0) === 60 && Number(counts[2]) > 0;
      });
      await page.getByRole('button', { name: 'Watch it again' }).click();
      // It plays for twelve seconds, however short the race was, and ends as the race did.
      await page.locator('button[data-busy="true"]', { hasText: 'Watch it again' }).waitFor();
      await until('somebody has something again', async () => {
        const [, reserved, confirmed] = await page.locator('.places dd').allTextContents();
        return Number(reserved) + Number(confirmed) > 0;
      });
      await page.evaluate('scrollTo(0, 0)');
      await screenshot(page, 'console-race');
      expect(complaints).toEqual([]);
    },
    2 * TEST_MS,
  );
});

describe('what was', () => {
  test(
    'is read in the analytics of a sale that is over',
    async () => {
      const sale = await makeSale(here.url, { stock: 2 });
      for (const sub of ['past-1', 'past-2']) await confirm(sub, await reserve(sub, sale.sku(0)));
      await operator(here.url).post(`/api/v1/admin/sales/${sale.id}/close`, {});
      const { page, complaints } = await signedIn(`/console/sales/${sale.id}/analytics`);
      await until('the orders are counted', async () => {
        await page.getByRole('button', { name: 'Search' }).click();
        return (await keyFigure(page, 'Confirmed').textContent()) === '2';
      });
      await page.getByText('The series in figures').click();
      await page.getByRole('columnheader', { name: 'Released' }).waitFor();
      await page.evaluate('scrollTo(0, 0)');
      await screenshot(page, 'console-analytics');
      await page.goto('/console/orders');
      await page.getByRole('cell', { name: 'past-1' }).waitFor();
      await screenshot(page, 'console-orders');
      await page.goto('/console/health');
      await page.getByRole('button', { name: 'Reconcile now' }).click();
      await page.getByText('Everything adds up').waitFor();
      await screenshot(page, 'console-health');
      await page.goto('/console');
      await page.getByRole('link', { name: 'Spring drop' }).first().waitFor();
      await screenshot(page, 'console-sales');
      expect(complaints).toEqual([]);
    },
    TEST_MS,
  );
});

// A service whose built-in issuer is off: shoppers come with the shop's own token, which stays in their tab.
import { expect, test } from 'bun:test';
import { token } from '../../server/test/harness/service.ts';
import { violations } from './accessibility.ts';
import { makeSale, screenshot, stage } from './harness.ts';

const here = stage({ env: { HOLDFAST_DEMO_AUTH: 'off' } });

test('the page says what is needed, takes a token, and keeps it out of lasting storage', async () => {
  const sale = await makeSale(here.url, {});
  const { page, context, complaints } = await here.visitor();
  await page.goto(sale.path);
  await page.getByRole('button', { name: /more$/ }).click();
  await page.locator('button.reserve').click();
  await page.getByRole('heading', { name: 'Sign in at the shop' }).waitFor();
  expect(await violations(page)).toEqual([]);
  await screenshot(page, 'sign-in-desktop');
  const field = page.getByLabel('Access token');
  await field.fill('not a token');
  await page.getByRole('button', { name: 'Use this token' }).click();
  await page.getByText('This is not a token').waitFor();
  const mine = token('ada');
  await field.fill(mine);
  await field.press('Enter');
  await field.waitFor({ state: 'detached' });
  const held = page.locator('[data-reservation]');
  const press = page.locator('button.reserve');
  for (let tries = 0; tries < 10 && (await held.count()) === 0; tries += 1) {
    await press.click();
    await held
      .or(page.getByRole('button', { name: 'Ask again' }))
      .first()
      .waitFor();
  }
  await held.waitFor();
  const kept: string = await page.evaluate(
    'JSON.stringify({ ...localStorage }) + document.cookie + location.href',
  );
  expect(kept).not.toContain(mine);
  // The tab still has it after a reload; another one does not.
  await page.reload();
  await held.waitFor();
  const other = await context.newPage();
  await other.goto('/orders');
  await other.getByRole('heading', { name: 'Sign in at the shop' }).waitFor();
  expect(complaints).toEqual([]);
});

// What axe finds on a page as it is now, in both colour schemes, at a desk's width and at a phone's.
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { DESKTOP, PHONE } from './harness.ts';

const WIDTHS = [DESKTOP.viewport, PHONE.viewport];
const SCHEMES = ['light', 'dark'] as const;

/** One line a violation, with where it is; empty when there is none. Leaves the page as wide as it was. */
export async function violations(page: Page): Promise<string[]> {
  const before = page.viewportSize();
  await page.evaluate(axe.source);
  const found: string[] = [];
  for (const width of WIDTHS) {
    if (!width) continue;
    await page.setViewportSize(width);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const results: axe.AxeResults = await page.evaluate(
        'axe.run(document, { resultTypes: ["violations"] })',
      );
      for (const { id, nodes } of results.violations) {
        const where = nodes.map(({ target, failureSummary }) => `${target}: ${failureSummary}`).join('; ');
        found.push(`${page.url()} ${colorScheme} ${width.width} px, ${id}: ${where}`);
      }
    }
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
  if (before) await page.setViewportSize(before);
  return found;
}

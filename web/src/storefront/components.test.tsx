// What the storefront's parts promise by themselves; whole visits are in web/e2e.
import { describe, expect, test } from 'bun:test';
import type { Item } from '@holdfast/contract/inventory';
import { act } from 'react';
import { dom } from '../../test/dom.ts';
import { Button } from '../shared/button.tsx';
import { Countdown } from '../shared/countdown.tsx';
import { StoreClock } from '../shared/store-clock.ts';
import { StoreClockContext } from '../shared/use-store-clock.ts';
import { pillText } from './live-pill.tsx';
import { LinesTable } from './pay/lines-table.tsx';
import { QuantityStepper } from './quantity-stepper.tsx';
import { untilNextLookMs } from './reads.ts';
import { pageAt } from './router.tsx';
import { StockLine } from './stock-line.tsx';

const page = dom();
const NOON = Date.UTC(2026, 10, 27, 12);

describe('a button', () => {
  test('that is busy, or cannot be pressed, keeps its place and does nothing', async () => {
    let pressed = 0;
    const press = () => {
      pressed += 1;
    };
    const place = await page.render(
      <>
        <Button onClick={press}>Reserve</Button>
        <Button onClick={press} busy>
          Reserve
        </Button>
        <Button onClick={press} whyNot="its time is up">
          Pay
        </Button>
      </>,
    );
    const buttons = [...place.querySelectorAll('button')];
    for (const button of buttons) await page.click(button);
    expect(pressed).toBe(1);
    expect(buttons.map((button) => button.hasAttribute('disabled'))).toEqual([false, false, false]);
    expect(buttons[2]?.textContent).toBe('Pay (its time is up)');
  });
});

describe('stock', () => {
  const item = (status: Item['status'], available: number, reserved: number, sold: number): Item => ({
    sku: 'A',
    sale_id: 'sale',
    name: 'A thing',
    total: available + reserved + sold,
    available,
    reserved,
    sold,
    max_per_customer: null,
    status,
    as_of: new Date(NOON).toISOString(),
  });

  test('that is all reserved reads differently from stock that is sold', async () => {
    const reserved =
      (await page.render(<StockLine item={item('all_reserved', 0, 3, 7)} />)).textContent ?? '';
    expect(reserved).toContain('may return');
    const sold = (await page.render(<StockLine item={item('sold_out', 0, 0, 10)} />)).textContent ?? '';
    expect(sold).toContain('Sold out');
    expect(sold).not.toContain('return');
  });

  test('is drawn in its parts, also when there is none at all', async () => {
    const widths = async (of: Item) =>
      [...(await page.render(<StockLine item={of} />)).querySelectorAll('rect')].map((bar) =>
        bar.getAttribute('width'),
      );
    expect(await widths(item('on_sale', 5, 3, 2))).toEqual(['100', '20', '30']);
    expect(await widths(item('sold_out', 0, 0, 0))).toEqual(['100', '0', '0']);
  });
});

test('markup in a name is text, wherever it is shown', async () => {
  const name = '<img src=x onerror=alert(1)>';
  const place = await page.render(<LinesTable caption={name} lines={[{ sku: 'A', name, quantity: 1 }]} />);
  expect(place.querySelector('img')).toBeNull();
  expect(place.textContent).toContain(name);
});

describe('a quantity', () => {
  test('goes up to what is there and down to none, and no further', async () => {
    const asked: number[] = [];
    const show = (value: number, most: number) =>
      page.render(
        <QuantityStepper name="lamp" value={value} most={most} onChange={(next) => asked.push(next)} />,
      );
    const press = async (place: HTMLElement, label: string) =>
      page.click(place.querySelector(`[aria-label="One lamp ${label}"]`));
    await press(await show(1, 2), 'more');
    await press(await show(2, 2), 'more');
    await press(await show(0, 2), 'less');
    await press(await show(5, 2), 'less'); // more were chosen than are left now
    expect(asked).toEqual([2, 4]);
  });
});

describe('a countdown', () => {
  test('follows what the store says, not the clock of the browser', async () => {
    const at = { monotonicMs: 0, wallMs: NOON + 3_600_000 };
    const clock = new StoreClock({ monotonicMs: () => at.monotonicMs, wallMs: () => at.wallMs });
    clock.hear(NOON, 0);
    const until = new Date(NOON + 65_000).toISOString();
    const place = await page.render(
      <StoreClockContext value={clock}>
        <Countdown until={until} label="Time left" />
      </StoreClockContext>,
    );
    expect(place.textContent).toBe('1:05');
    // The machine slept: the store says that it is later.
    await act(async () => clock.hear(NOON + 62_000, at.monotonicMs));
    expect(place.textContent).toBe('0:03');
    await act(async () => clock.hear(NOON + 70_000, at.monotonicMs));
    expect(place.textContent).toBe('0:00');
    expect(place.querySelector('[role=timer]')?.getAttribute('aria-label')).toBe('Time left: 0 seconds');
  });
});

describe('the feed', () => {
  test('says how old what is shown is, once it is old', () => {
    expect(pillText('live', 400)).toBe('Live');
    expect(pillText('connecting', null)).toBe('Connecting');
    expect(pillText('connecting', 400)).toBe('Reconnecting');
    expect(pillText('stale', 14_200)).toBe('Stale for 14 s');
    expect(pillText('stale', 150_000)).toBe('Stale for 2 min');
    expect(pillText('stale', 7_300_000)).toBe('Stale for 2 h');
    expect(pillText('stale', null)).toBe('Not connected');
  });
});

describe('a sale', () => {
  const sale = (
    status: 'not_open' | 'open' | 'closed',
    opensInMs: number | null,
    closesInMs: number | null = null,
  ) => ({
    id: 'sale',
    name: 'Sale',
    status,
    opens_at: opensInMs === null ? null : new Date(NOON + opensInMs).toISOString(),
    closes_at: closesInMs === null ? null : new Date(NOON + closesInMs).toISOString(),
    reservation_ttl_seconds: 300,
    max_extensions: 1,
    max_lifetime_seconds: 900,
    cooldown: null,
    created_at: new Date(NOON).toISOString(),
    items: [],
  });

  test('is looked at right after it opens or closes, and often until the store says so', () => {
    expect(untilNextLookMs(sale('not_open', 3_000), NOON)).toBeLessThan(3_200);
    expect(untilNextLookMs(sale('not_open', 3_000), NOON)).toBeGreaterThan(3_000);
    expect(untilNextLookMs(sale('not_open', -1), NOON)).toBeLessThan(1_000);
    expect(untilNextLookMs(sale('open', null, 2_000), NOON)).toBeLessThan(2_200);
    expect(untilNextLookMs(sale('open', -5_000), NOON)).toBe(untilNextLookMs(sale('closed', null, -5), NOON));
  });
});

test('addresses lead to their pages, and others nowhere', () => {
  expect(pageAt('/')).toEqual({ kind: 'home' });
  expect(pageAt('/sales/flash-sale')).toEqual({ kind: 'sale', saleId: 'flash-sale' });
  expect(pageAt('/orders')).toEqual({ kind: 'orders' });
  expect(pageAt('/orders/ord_1')).toEqual({ kind: 'order', orderId: 'ord_1' });
  for (const path of ['/sales', '/sales/a/b', '/what']) expect(pageAt(path)).toEqual({ kind: 'nowhere' });
});

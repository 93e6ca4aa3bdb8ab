// A process whose clock is wrong shows a sale as the store will treat it, not as its own clock would.
import { expect, test } from 'bun:test';
import { fakeWorld, SALE_ROW, SALE_VIEW, token } from './http-fakes.ts';

type Shown = { readonly status: string };

const OPENS_AT_MS = Date.now() + 600_000;
const NOT_YET = {
  ...SALE_VIEW,
  row: { ...SALE_ROW, settings: { opensAtMs: OPENS_AT_MS, closesAtMs: null, closed: false, cooldown: null } },
};

test("a sale's status turns by the store's clock, alone and in the list", async () => {
  let nowMs = OPENS_AT_MS - 1;
  const world = fakeWorld({
    storeNowMs: () => nowMs,
    sales: {
      sale: async () => ({ ok: true, value: NOT_YET }),
      sales: async () => ({ ok: true, value: { rows: [NOT_YET], next: null } }),
    },
  });
  const shown = async () => {
    const as = { token: await token() };
    const one = (await (await world.send('/api/v1/sales/flash-sale', as)).json()) as Shown;
    const list = (await (await world.send('/api/v1/sales', as)).json()) as { data: [Shown] };
    return [one.status, list.data[0].status];
  };
  expect(await shown()).toEqual(['not_open', 'not_open']);
  nowMs = OPENS_AT_MS;
  expect(await shown()).toEqual(['open', 'open']);
});

// The promises of a sale's stock, held by every implementation of SaleStore: the reference model and the
// Redis function library. One file a subject; each test runs on a store of its own.
import { describe } from 'bun:test';
import { confirming } from './confirming.ts';
import { cooldown } from './cooldown.ts';
import { deadlines } from './deadlines.ts';
import { extending } from './extending.ts';
import { ledgerEntries } from './ledger-entries.ts';
import { outbox } from './outbox.ts';
import { rateWindows } from './rate-windows.ts';
import { reserving } from './reserving.ts';
import type { MakeStore } from './stage.ts';
import { stockGoingOut } from './stock-going-out.ts';
import { unloading } from './unloading.ts';

export function describeSaleStore(name: string, makeStore: MakeStore): void {
  describe(`${name}: a sale's stock`, () => {
    describe('reserving', () => reserving(makeStore));
    describe('rate windows', () => rateWindows(makeStore));
    describe('cooldown', () => cooldown(makeStore));
    describe('deadlines', () => deadlines(makeStore));
    describe('confirming and releasing', () => confirming(makeStore));
    describe('extending', () => extending(makeStore));
    describe('ledger entries', () => ledgerEntries(makeStore));
    describe('stock going out', () => stockGoingOut(makeStore));
    describe('outbox and purge', () => outbox(makeStore));
    describe('unloading', () => unloading(makeStore));
  });
}

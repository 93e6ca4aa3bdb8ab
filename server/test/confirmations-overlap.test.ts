// The ledger decides the next confirmations while the store is still being told of the last ones; whoever confirmed is answered
// once the store was told. No stores here: what is shown is who waits for whom.
import { expect, test } from 'bun:test';
import { Ids } from '../src/domain/ids.ts';
import type { ConfirmDecision, ConfirmRequest } from '../src/domain/ledger-facts.ts';
import type { LedgerContract } from '../src/ledger/contract.ts';
import { Confirm } from '../src/reservations/confirm.ts';
import type { Journaled } from '../src/reservations/journaled.ts';
import type { Relay } from '../src/reservations/relay.ts';
import type { Pinned, SaleChannel } from '../src/stock/sale-channel.ts';
import { until } from './harness/until.ts';

const SALE = 7;
const customer = { key: 'A'.repeat(22), sub: 'alice' };

/** A confirm whose store is told when the test says so. */
class Scene {
  readonly committed: string[] = [];
  private readonly tell: (() => void)[] = [];
  readonly confirm: Confirm;
  private seq = 0;

  constructor() {
    const channel = {
      saleNumber: SALE,
      pin: async ({ reservationId }: { readonly reservationId: string }) =>
        ({
          reply: { kind: 'pinned', record: { reservationId, createdSeq: 1, lines: [] } },
          epoch: 1,
        }) as unknown as Pinned,
    } as unknown as SaleChannel;
    const ledger = {
      confirm: async (_sale: number, _epoch: number, requests: readonly ConfirmRequest[]) =>
        requests.map((request): ConfirmDecision => {
          this.committed.push(request.reservationId);
          this.seq += 1;
          const order = { ...request, saleNumber: SALE, saleId: 'drop', lines: [], confirmedAtMs: 1 };
          return { kind: 'confirmed', order, seq: this.seq };
        }),
    } as unknown as LedgerContract;
    const relay = {
      deliver: () => new Promise<number>((resolve) => this.tell.push(() => resolve(this.seq))),
    } as unknown as Relay;
    this.confirm = new Confirm({
      ledger,
      ids: new Ids(new Uint8Array(32)),
      relay,
      journaled: {} as Journaled,
      channelOf: () => channel,
      open: async () => 'open',
      onLedgerFailure: () => undefined,
    });
  }

  get told(): number {
    return this.tell.length;
  }

  tellAll(): void {
    for (const tell of this.tell) tell();
  }
}

test('confirmations are committed while the store is being told of those before; each is answered when it was', async () => {
  const scene = new Scene();
  const ids = ['A', 'B', 'C', 'D'].map((letter) => `rsv_${letter.repeat(21)}A`);
  const answered: boolean[] = [];
  const buys: Promise<unknown>[] = [];
  // More than there may be commits at once.
  for (const [at, id] of ids.entries()) {
    buys.push(scene.confirm.run(customer, SALE, id, null).then(({ ok }) => answered.push(ok)));
    await until(`the store is being told of ${id}`, () => scene.told === at + 1);
  }
  expect(scene.committed).toEqual(ids);
  expect(answered).toEqual([]);
  scene.tellAll();
  await Promise.all(buys);
  expect(answered).toEqual([true, true, true, true]);
});

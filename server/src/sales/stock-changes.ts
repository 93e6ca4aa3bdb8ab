// An operator changes an item's stock (protocols §5). More: the ledger first, then the store. Less: the store sets the
// units aside, so that nobody is granted them meanwhile, then the ledger decides, then the store drops them or gives them
// back. Stopped anywhere between, the resolver ends it by the ledger's register of operations.
import { randomBytes } from 'node:crypto';
import type { Refusal } from '@holdfast/contract/problems';
import { fingerprint, type Ids } from '../domain/ids.ts';
import {
  AmbiguousCommit,
  type ItemRow,
  LedgerUnavailable,
  StaleEpoch,
  type StockChangeResult,
} from '../domain/ledger-facts.ts';
import type { RetryBudget } from '../domain/retry-budget.ts';
import { type PendReply, SaleUnloaded } from '../domain/sale-store.ts';
import type { Catalog } from '../ledger/catalog.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { OpenSale, SaleChannel } from '../stock/sale-channel.ts';
import { endPend } from './end-pend.ts';
import type { Answer, Changed, ChangeStockRequest } from './sales.ts';

const ROUTE = 'stock';
/** What the first attempt's operation is derived under: parallel requests with one key set the units aside once. */
const FIRST_ATTEMPT = 'stock: first attempt';
/** A store that changes hands, or an operation that is refused under us, more often than this is not ready. */
const MAX_ATTEMPTS = 4;
const OPERATION_BYTES = 16;
const MAX_STOCK = 100_000_000;

export interface StockChangesOptions {
  readonly ledger: LedgerContract;
  readonly catalog: Catalog;
  readonly ids: Ids;
  readonly channelOf: (saleNumber: number) => SaleChannel;
  readonly open: OpenSale;
  /** Counts what is tried again. */
  readonly retries?: RetryBudget;
  /** Brings the ledger's newest entries to the store. */
  readonly deliver: (saleNumber: number) => Promise<void>;
}

/** What an attempt came to: an answer, or another attempt. */
type Attempt = Answer<Changed> | 'again';

const UNKNOWN_SKU: Refusal = {
  code: 'unknown-sku',
  detail: 'No item has this SKU. List the items to see which there are.',
};
const KEY_REUSED: Refusal = {
  code: 'idempotency-key-reused',
  detail: 'This idempotency key was used with another body. Send the first body again, or use a new key.',
};
const NOT_NOW: Refusal = {
  code: 'unavailable',
  detail: 'It is not known yet whether the stock was changed. Send the same request again with the same key.',
  retryAfterSeconds: 1,
};

export class StockChanges {
  constructor(private readonly options: StockChangesOptions) {}

  /** Once by its key, whatever stops in between; a refusal is not remembered, and its key may try again. */
  async change(request: ChangeStockRequest): Promise<Answer<Changed>> {
    const { ledger, catalog, ids } = this.options;
    const key = ids.operatorKey(request.operator, ROUTE, request.idempotencyKey);
    const print = fingerprint(
      JSON.stringify([request.sku, request.delta, request.reason, request.reference, request.expectedTotal]),
    );
    const item = await catalog.freshItem(request.sku);
    if (!item) return { ok: false, refusal: UNKNOWN_SKU };
    const done = await ledger.stockChange(key);
    if (done) {
      if (done.fingerprint !== print) return { ok: false, refusal: KEY_REUSED };
      return { ok: true, value: { change: done.change, replayed: true } };
    }
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
      const operationId =
        attempts === 0
          ? ids.operatorKey(request.operator, FIRST_ATTEMPT, request.idempotencyKey)
          : randomBytes(OPERATION_BYTES).toString('base64url');
      const attempt = await this.attemptOrClosed(request, item, key, print, operationId);
      if (attempt !== 'again') return attempt;
      if (this.options.retries?.take('stock-change') === false) break;
    }
    return { ok: false, refusal: NOT_NOW };
  }

  /** A sale that has left the store is closed. */
  private async attemptOrClosed(...asked: Parameters<StockChanges['attempt']>): Promise<Attempt> {
    try {
      return await this.attempt(...asked);
    } catch (error) {
      if (error instanceof SaleUnloaded) return { ok: false, refusal: refusalOf({ kind: 'sale-closed' }) };
      throw error;
    }
  }

  private async attempt(
    request: ChangeStockRequest,
    item: ItemRow,
    key: string,
    print: string,
    operationId: string,
  ): Promise<Attempt> {
    const channel = this.options.channelOf(item.saleNumber);
    const { sku, delta } = request;
    if (delta > 0) {
      // The epoch is asked of the store, which may have changed hands since this process last spoke to it.
      await channel.snapshot();
      return await this.decide(request, item, key, print, null, channel.epoch);
    }
    const { reply, epoch } = await channel.pend({ operationId, sku, quantity: -delta });
    if (reply.kind !== 'pended') return refusedByStore(reply);
    return await this.decide(request, item, key, print, operationId, epoch);
  }

  /** The ledger's turn; whatever it does not apply is given back. */
  private async decide(
    request: ChangeStockRequest,
    item: ItemRow,
    key: string,
    print: string,
    operationId: string | null,
    epoch: number,
  ): Promise<Attempt> {
    const { ledger, open, deliver } = this.options;
    const { sku, delta, expectedTotal, reason, reference, operator } = request;
    const asked = {
      operationId,
      key,
      fingerprint: print,
      sku,
      delta,
      expectedTotal,
      reason,
      reference,
      operator,
    };
    let result: StockChangeResult;
    try {
      result = await ledger.changeStock(item.saleNumber, epoch, asked);
    } catch (error) {
      if (error instanceof AmbiguousCommit) return { ok: false, refusal: NOT_NOW };
      if (!(error instanceof StaleEpoch || error instanceof LedgerUnavailable)) throw error;
      await this.giveBack(item.saleNumber, operationId);
      if (error instanceof LedgerUnavailable) throw error;
      await open(item.saleNumber);
      return 'again';
    }
    if (result.kind === 'changed' || result.kind === 'replayed') {
      if (result.kind === 'replayed') await this.giveBack(item.saleNumber, operationId);
      // The store out of reach: the relay brings it later; the change stands.
      await deliver(item.saleNumber).catch(() => undefined);
      const { change } = result;
      return { ok: true, value: { change, replayed: result.kind === 'replayed' } };
    }
    await this.giveBack(item.saleNumber, operationId);
    return result.kind === 'refused' ? 'again' : { ok: false, refusal: refusalOf(result) };
  }

  private async giveBack(saleNumber: number, operationId: string | null): Promise<void> {
    if (operationId === null) return;
    const { ledger, deliver, channelOf } = this.options;
    const unpend = (operation: string) => channelOf(saleNumber).unpend(operation);
    try {
      await endPend({ ledger, deliver: () => deliver(saleNumber), unpend }, saleNumber, operationId);
    } catch {
      // One of the stores is out of reach: the resolver gives them back at the pend's end.
    }
  }
}

function refusedByStore(reply: Exclude<PendReply, { kind: 'pended' }>): Answer<Changed> {
  if (reply.kind === 'unknown-sku') return { ok: false, refusal: UNKNOWN_SKU };
  const { available, reserved } = reply;
  return {
    ok: false,
    refusal: stockInUse(`${available} can be taken out now, ${reserved} are reserved.`, {
      available,
      reserved,
    }),
  };
}

function refusalOf(
  result: Exclude<StockChangeResult, { kind: 'changed' | 'replayed' | 'refused' }>,
): Refusal {
  switch (result.kind) {
    case 'key-reused':
      return KEY_REUSED;
    case 'unknown-sku':
      return UNKNOWN_SKU;
    case 'sale-closed':
      return { code: 'sale-closed', detail: 'The sale is closed: its stock stays as it is.' };
    case 'stale-total':
      return {
        code: 'stale-total',
        detail: `The total is ${result.total} by now. Look at the item, decide again, and send that total.`,
        members: { total: result.total },
      };
    case 'stock-in-use':
      return stockInUse(`${result.sold} of ${result.total} are sold.`, {
        total: result.total,
        sold: result.sold,
      });
    case 'too-much':
      return {
        code: 'invalid-request',
        detail: 'The request body has 1 invalid part.',
        errors: [{ path: '/delta', message: `must not bring the total above ${MAX_STOCK}` }],
      };
  }
}

function stockInUse(why: string, members: Readonly<Record<string, number>>): Refusal {
  return {
    code: 'stock-in-use',
    detail: `Units that are reserved or sold cannot be taken out: ${why}`,
    members,
  };
}

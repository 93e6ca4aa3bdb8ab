// Confirm, in four steps (protocols §4): pin in Redis, commit in the ledger, apply back to Redis, answer from the
// stored order. The COMMIT is the only confirmation. Confirms of a sale are gathered: one transaction decides up to
// 128 of them, which a hot row turns from 1,200 a second into many thousands.
import type { Refusal } from '@holdfast/contract/problems';
import { Batcher } from '../domain/batcher.ts';
import type { Ids } from '../domain/ids.ts';
import {
  AmbiguousCommit,
  type ConfirmDecision,
  type ConfirmRequest,
  LedgerNotAsked,
  LedgerUnavailable,
  type Order,
  StaleEpoch,
} from '../domain/ledger-facts.ts';
import type { RetryBudget } from '../domain/retry-budget.ts';
import { type LedgerEntry, SaleUnloaded } from '../domain/sale-store.ts';
import { retryAfterSeconds } from '../domain/time-budgets.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { OpenSale, Pinned, SaleChannel } from '../stock/sale-channel.ts';
import type { Journaled } from './journaled.ts';
import { EXPIRED, LOST, RELEASED, unavailable } from './refusals.ts';
import type { Relay } from './relay.ts';
import type { Answer, Customer } from './reservations.ts';

const MAX_BATCH = 128;
/** Beside one that is stuck another one goes … */
const MAX_IN_FLIGHT = 2;
/** … but not sooner: it would only wait for the lock on the sale's row. Those that wait here instead go together. */
const PATIENCE_MS = 20;
const MAX_QUEUED = 10_000;
/** A refused epoch starts again at step 1; a store that changes hands more often than this is not ready. */
const MAX_EPOCHS = 4;

/** A pinned reservation on its way to the ledger, under the epoch of its pin. */
interface Commit {
  readonly epoch: number;
  readonly request: ConfirmRequest;
}

interface Committed {
  readonly decision: ConfirmDecision;
  /** Step 3 of its batch is over, well or not. */
  readonly applied: Promise<void>;
}

export interface ConfirmOptions {
  readonly ledger: LedgerContract;
  readonly ids: Ids;
  readonly relay: Relay;
  readonly journaled: Journaled;
  readonly channelOf: (saleNumber: number) => SaleChannel;
  readonly open: OpenSale;
  readonly retries?: RetryBudget;
  readonly onLedgerFailure: (error: unknown) => void;
}

export class Confirm {
  private readonly commits = new Map<number, Batcher<Commit, Committed>>();

  constructor(private readonly options: ConfirmOptions) {}

  async run(
    customer: Customer,
    saleNumber: number,
    reservationId: string,
    paymentReference: string | null,
  ): Promise<Answer<Order>> {
    const channel = this.options.channelOf(saleNumber);
    for (let epochs = 0; epochs < MAX_EPOCHS; epochs++) {
      const { reply, epoch } = await this.pin(channel, reservationId, customer.key);
      if (reply.kind !== 'pinned') return await this.answerUnpinned(reply.kind, reservationId);
      const { record } = reply;
      const request: ConfirmRequest = {
        reservationId,
        createdSeq: record.createdSeq,
        customer: customer.key,
        sub: customer.sub,
        orderId: this.options.ids.orderId(reservationId, record.createdSeq, customer.key),
        lines: record.lines,
        paymentReference,
      };
      try {
        const { decision, applied } = await this.commitsOf(saleNumber).run({ epoch, request });
        await applied;
        return answerOf(decision);
      } catch (error) {
        if (error instanceof StaleEpoch) {
          await this.options.open(saleNumber);
          if (this.options.retries?.take('epoch') === false) break;
          continue;
        }
        if (error instanceof AmbiguousCommit) {
          return refuse(
            unavailable(
              'It is not known yet whether the order was placed. Confirm again: the answer will tell.',
            ),
          );
        }
        if (error instanceof LedgerUnavailable) {
          return refuse(
            unavailable(
              'The ledger cannot be reached; nothing was confirmed and the reservation is kept. Confirm again.',
              error instanceof LedgerNotAsked ? retryAfterSeconds(error.pauseMs) : undefined,
            ),
          );
        }
        throw error;
      }
    }
    return refuse(unavailable('The store of this sale is changing hands. Confirm again in a moment.'));
  }

  /** Step 1. A sale that is over and no longer kept in the store has nothing to pin: the ledger is asked. */
  private async pin(channel: SaleChannel, reservationId: string, customer: string): Promise<Pinned> {
    try {
      return await channel.pin({ reservationId, customer });
    } catch (error) {
      if (error instanceof SaleUnloaded) return { reply: { kind: 'missing' }, epoch: 0 };
      throw error;
    }
  }

  private commitsOf(saleNumber: number): Batcher<Commit, Committed> {
    let batcher = this.commits.get(saleNumber);
    if (!batcher) {
      batcher = new Batcher({
        maxBatch: MAX_BATCH,
        maxInFlight: MAX_IN_FLIGHT,
        patienceMs: PATIENCE_MS,
        maxQueued: MAX_QUEUED,
        send: (pinned) => this.commit(this.options.channelOf(saleNumber), pinned),
      });
      this.commits.set(saleNumber, batcher);
    }
    return batcher;
  }

  /**
   * Steps 2 and 3 for a batch. All of it was pinned under one epoch, or none of it commits. The next batch does not wait for step 3: Redis
   * applies this one while the ledger decides that one.
   */
  private async commit(channel: SaleChannel, pinned: readonly Commit[]): Promise<Committed[]> {
    const epoch = pinned[0]?.epoch ?? 0;
    if (pinned.some((one) => one.epoch !== epoch)) throw new StaleEpoch('the batch spans a change of epoch');
    const requests = pinned.map((one) => one.request);
    let decisions: ConfirmDecision[];
    try {
      decisions = await this.options.ledger.confirm(channel.saleNumber, epoch, requests);
    } catch (error) {
      if (error instanceof LedgerUnavailable || error instanceof AmbiguousCommit)
        this.options.onLedgerFailure(error);
      if (error instanceof LedgerUnavailable) await this.giveBack(channel, epoch, requests);
      throw error;
    }
    const applied = this.applyBack(channel, entriesOf(requests, decisions));
    return decisions.map((decision) => ({ decision, applied }));
  }

  /** Surely nothing was committed: those whose attempt was the only one become active again. */
  private async giveBack(
    channel: SaleChannel,
    epoch: number,
    requests: readonly ConfirmRequest[],
  ): Promise<void> {
    // Redis out of reach too: they stay pinned, and the client's retry or the resolver ends it.
    await channel.unpin(requests, epoch).catch(() => undefined);
  }

  /** Step 3. What cannot be applied now the relay applies later: the order stands either way. */
  private async applyBack(channel: SaleChannel, entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length > 0) await this.options.relay.deliver(channel, entries).catch(() => undefined);
  }

  /** The store says it is resolved, or does not know it: then the ledger must answer too. */
  private async answerUnpinned(
    kind: 'confirmed' | 'released' | 'expired' | 'lost' | 'missing',
    reservationId: string,
  ): Promise<Answer<Order>> {
    if (kind === 'released') return refuse(RELEASED);
    if (kind === 'expired') return refuse(EXPIRED);
    if (kind === 'lost') return refuse(LOST);
    const known = await this.options.journaled.find(reservationId);
    switch (known?.state) {
      case 'confirmed': {
        const order = await this.options.ledger.orderOfReservation(reservationId, known.record.createdSeq);
        if (!order) throw new Error('a confirmed outcome without its order');
        return { ok: true, value: order };
      }
      case 'released':
        return refuse(RELEASED);
      case 'expired':
        return refuse(EXPIRED);
      default:
        return refuse(LOST);
    }
  }
}

function refuse(refusal: Refusal): Answer<never> {
  return { ok: false, refusal };
}

function answerOf(decision: ConfirmDecision): Answer<Order> {
  switch (decision.kind) {
    case 'confirmed':
      return { ok: true, value: decision.order };
    case 'expired':
      return refuse(EXPIRED);
    case 'released':
      return refuse(RELEASED);
    case 'refused':
      return refuse(LOST);
  }
}

/** The ledger entries that a batch's decisions stand for; a release is no entry. */
function entriesOf(
  requests: readonly ConfirmRequest[],
  decisions: readonly ConfirmDecision[],
): LedgerEntry[] {
  const entries = new Map<number, LedgerEntry>();
  decisions.forEach((decision, i) => {
    const request = requests[i];
    if (!request || decision.kind === 'released') return;
    const { reservationId, createdSeq, customer, lines } = request;
    const atMs = decision.kind === 'confirmed' ? decision.order.confirmedAtMs : 0;
    entries.set(decision.seq, {
      seq: decision.seq,
      atMs,
      kind: decision.kind,
      reservationId,
      createdSeq,
      customer,
      lines,
    });
  });
  return [...entries.values()];
}

// The relay: brings the ledger's entries (l) to the stock store, in order, fetching what is missing between. It runs
// after every confirm, and for whatever a crash between commit and apply left behind.
import type { LedgerEntry } from '../domain/sale-store.ts';
import type { LedgerContract } from '../ledger/contract.ts';
import type { SaleChannel } from '../stock/sale-channel.ts';

/** Entries one page brings. */
const PAGE = 500;
/** Pages one call brings at most; the rest is the next call's. */
const MAX_PAGES = 200;

export class Relay {
  constructor(private readonly ledger: Pick<LedgerContract, 'entriesAfter'>) {}

  /**
   * Applies entries that are at hand; where others are missing before them, fetches and applies those first.
   * Returns the last entry applied.
   */
  async deliver(channel: SaleChannel, entries: readonly LedgerEntry[]): Promise<number> {
    const sorted = [...entries].sort((a, b) => a.seq - b.seq);
    const last = sorted[sorted.length - 1]?.seq ?? 0;
    const applied = await channel.apply(sorted);
    return applied >= last ? applied : await this.catchUp(channel, applied);
  }

  /** Applies everything the ledger has after `applied`. */
  async catchUp(channel: SaleChannel, applied: number): Promise<number> {
    let done = applied;
    for (let page = 0; page < MAX_PAGES; page++) {
      const entries = await this.ledger.entriesAfter(channel.saleNumber, done, PAGE);
      if (entries.length === 0) return done;
      const now = await channel.apply(entries);
      if (now === done) return done;
      done = now;
      if (entries.length < PAGE) return done;
    }
    return done;
  }

  /** The same from wherever the store stands. */
  async catchUpFromStore(channel: SaleChannel): Promise<number> {
    return await this.catchUp(channel, await channel.apply([]));
  }
}

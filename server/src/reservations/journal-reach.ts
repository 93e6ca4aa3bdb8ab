// How far the journal has come behind the stores. Lists of reservations are read from the journal; this is what
// makes them show a reservation whose 201 was already sent.
import type { LedgerContract } from '../ledger/contract.ts';
import type { SaleChannels } from '../stock/sale-channel.ts';

const POLL_MS = 20;
/** The ledger writer is usually within milliseconds; a list waits no longer than this for it. */
const WAIT_MAX_MS = 1_000;

export class JournalReach {
  private readonly reached = new Map<number, number>();

  constructor(
    private readonly ledger: Pick<LedgerContract, 'lastTransition'>,
    private readonly channels: SaleChannels,
  ) {}

  /** Resolves once the journal holds every transition this process has seen so far, or after a second. */
  async wait(): Promise<void> {
    const wanted = this.channels.seen();
    const giveUpAtMs = performance.now() + WAIT_MAX_MS;
    for (const [saleNumber, seq] of wanted) {
      while ((this.reached.get(saleNumber) ?? 0) < seq) {
        const last = await this.ledger.lastTransition(saleNumber);
        this.reached.set(saleNumber, last);
        if (last >= seq) break;
        if (performance.now() >= giveUpAtMs) return;
        await Bun.sleep(POLL_MS);
      }
    }
  }
}

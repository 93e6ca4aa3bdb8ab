// What the ledger knows of a reservation that the stock store no longer has. An id only passes its tag if it was
// minted for this customer, so one that neither knows was accepted and lost: answered so, and counted (protocols §7).
import type { JournaledReservation } from '../domain/ledger-facts.ts';
import type { LedgerContract } from '../ledger/contract.ts';

export class Journaled {
  constructor(
    private readonly ledger: Pick<LedgerContract, 'reservation'>,
    private readonly onLost: () => void,
  ) {}

  /** Its last state by journal and register; null, and counted as lost, if it is live there or not there at all. */
  async find(reservationId: string): Promise<JournaledReservation | null> {
    const known = await this.ledger.reservation(reservationId);
    if (known && known.state !== 'active' && known.state !== 'confirming') return known;
    this.onLost();
    return null;
  }
}

// The reference of one process of the service between its two stores: how it opens a sale, how it speaks to the store, and
// how the ledger's entries come there.
import { AmbiguousCommit, LedgerUnavailable } from '../../src/domain/ledger-facts.ts';
import { NotReady } from '../../src/domain/sale-store.ts';
import { ReferenceLedger } from './reference-ledger.ts';
import { type Clocks, lease, type Rebuilt, rebuild } from './reference-rebuild.ts';
import { type ReferenceServer, StandingSale } from './reference-store.ts';
import type { LedgerFault } from './steps.ts';
import { STORE_KEYS } from './view.ts';
import type { World } from './world.ts';

export class ReferenceProcess {
  readonly rebuilds: Rebuilt[] = [];
  readonly ledger: ReferenceLedger;
  /** Nothing of the sale is in it to begin with. */
  readonly server: ReferenceServer;
  /** Of the lease that the process was granted last. */
  epoch = 0;

  constructor(
    readonly world: World,
    private readonly clocks: Clocks,
    readonly saleNumber: number,
  ) {
    this.ledger = new ReferenceLedger(saleNumber, world.newSale(), clocks.ledger);
    this.server = {
      sale: new StandingSale(0, clocks.store),
      identity: 1,
      epoch: null,
      halfDone: false,
      leased: false,
      remembers: true,
      missing: new Set(STORE_KEYS),
    };
  }

  /** Granted again where the store is the one that the ledger names and whole, else rebuilt. */
  async open(stumbles = false): Promise<'open' | 'not-ready'> {
    const { server, ledger } = this;
    const known = ledger.lineage === server.identity && server.epoch === ledger.epoch;
    if (known && server.missing.size === 0 && !server.halfDone) {
      if (!server.leased) lease(server);
      return 'open';
    }
    const rebuilt = await rebuild(server, ledger, this.clocks, stumbles);
    this.rebuilds.push(rebuilt);
    if (rebuilt.stumbled) return 'not-ready';
    this.epoch = ledger.epoch;
    return 'open';
  }

  get ready(): boolean {
    return this.server.leased && this.server.missing.size === 0;
  }

  /** As the customers' and operators' verbs speak to the store: opened first where it is not ready. */
  async gated<T>(command: (sale: StandingSale) => Promise<T>): Promise<T> {
    if (!this.ready) await this.open();
    return await this.direct(command);
  }

  /** As the workers do. */
  async direct<T>(command: (sale: StandingSale) => Promise<T>): Promise<T> {
    if (!this.ready) throw new NotReady('no lease');
    return await this.server.sale.changing(command);
  }

  flush(): void {
    for (const key of STORE_KEYS) this.server.missing.add(key);
  }

  /** Started anew, promoted, or come back otherwise: another identity, and usually no memory. */
  changeIdentity(remembers: boolean): void {
    this.server.identity += 1;
    if (!remembers) this.forgetLease();
  }

  forgetLease(): void {
    Object.assign(this.server, { leased: false, remembers: false });
  }

  /** An entry that was just decided; where others are missing before it, all there are. */
  async deliver(seq: number): Promise<void> {
    const entries = this.ledger.entries.slice(seq - 1, seq);
    const applied = await this.gated((sale) => sale.apply(entries));
    if (applied < seq) await this.applyAfter(applied);
  }

  async catchUp(): Promise<number> {
    return await this.applyAfter(await this.gated((sale) => sale.apply([])));
  }

  private async applyAfter(applied: number): Promise<number> {
    const entries = this.ledger.entries.slice(applied);
    return entries.length === 0 ? applied : await this.gated((sale) => sale.apply(entries));
  }
}

/** A call of the ledger that may fail, before it commits or after. */
export function onLedger<T>(fault: LedgerFault, decide: () => T): T {
  if (fault === 'unreachable') throw new LedgerUnavailable('as asked');
  if (fault === 'stopped-before') throw new AmbiguousCommit('as asked');
  const decided = decide();
  if (fault === 'stopped-after') throw new AmbiguousCommit('as asked');
  return decided;
}

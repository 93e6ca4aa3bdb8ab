// The reference of the whole system: what must come of every step, in one thread and in memory. It knows the ledger as a
// list of entries, the store as the pure model of a sale, and the rules by which a process goes from one to the other.
import { NotReady } from '../../src/domain/sale-store.ts';
import { confirm, confirmTogether } from './reference-confirm.ts';
import { onLedger, ReferenceProcess } from './reference-process.ts';
import type { Clocks, Rebuilt } from './reference-rebuild.ts';
import { changeStock } from './reference-stock.ts';
import type { ReferenceServer } from './reference-store.ts';
import { visibleLedger, visibleStore } from './reference-view.ts';
import type { LedgerFault, Step } from './steps.ts';
import { refused, type Side, STORE_KEYS, type Visible, type VisibleLedger } from './view.ts';
import type { World } from './world.ts';

const DUE_PINS = 64;
type Loss = Extract<Step, { looked: boolean }>;

export class Reference implements Side {
  private readonly process: ReferenceProcess;
  private backup: Pick<ReferenceServer, 'sale' | 'epoch'> | null = null;
  private itemsAdded = 2;
  private ledgerSeen: { readonly version: number; readonly state: VisibleLedger } | null = null;

  private constructor(
    private readonly world: World,
    clocks: Clocks,
    private readonly saleNumber: number,
  ) {
    this.process = new ReferenceProcess(world, clocks, saleNumber);
  }

  static async begin(world: World, clocks: Clocks, saleNumber: number): Promise<Reference> {
    const reference = new Reference(world, clocks, saleNumber);
    await reference.process.open();
    reference.process.rebuilds.length = 0; // a sale that begins is no repair
    return reference;
  }

  get rebuilds(): readonly Rebuilt[] {
    return this.process.rebuilds;
  }

  async perform(step: Step): Promise<unknown> {
    const { world, saleNumber, process } = this;
    switch (step.do) {
      case 'wait':
      case 'wait-for-next':
      case 'skew':
        return null; // the clocks are moved for both sides
      case 'reserve': {
        const commands = step.attempts.map((attempt) => world.commandOf(saleNumber, attempt));
        return await process.gated((sale) => sale.reserve(commands, world.limits));
      }
      case 'release': {
        const refs = step.targets.map((target) => world.refOf(saleNumber, target));
        return await process.gated((sale) => sale.release(refs));
      }
      case 'extend': {
        const { max: maxExtensions, maxLifetimeSeconds } = world.newSale().extensions;
        const ref = world.refOf(saleNumber, step.target);
        const command = { ...ref, seconds: step.seconds, maxExtensions, maxLifetimeSeconds };
        return (await process.gated((sale) => sale.extend([command])))[0];
      }
      case 'confirm':
        return await confirm(process, step);
      case 'confirm-together':
        return await confirmTogether(process, step.targets);
      case 'expire':
        return await process.direct((sale) => sale.expire(step.limit));
      case 'purge':
        return await process.direct((sale) => sale.purge(step.limit));
      case 'write-journal':
        return await this.writeJournal(step.fault);
      case 'relay':
        return await process.catchUp();
      case 'resolve':
        return await this.resolve(step.fault);
      case 'change-stock':
        return await changeStock(process, step);
      case 'add-item': {
        if (this.itemsAdded >= world.skus.length) return null;
        const item = world.newItem(this.itemsAdded, step.total, step.cap);
        if (!process.ledger.addItems([item])) return refused('sale-closed');
        this.itemsAdded += 1;
        await process.catchUp();
        return 'ok';
      }
      case 'close':
        process.ledger.close();
        if (step.delivered) await process.catchUp();
        return 'ok';
      case 'reload':
        process.forgetLease();
        return null;
      case 'move':
        process.changeIdentity(true);
        return await process.open(step.stumbles);
      case 'back-up':
        if (process.ready) {
          const { sale, epoch } = process.server;
          this.backup = { sale: sale.copy(sale.epoch, 0), epoch };
        }
        return null;
      default:
        return await this.lose(step);
    }
  }

  async look(): Promise<Visible> {
    const { process } = this;
    const snapshot = await process.gated((sale) => sale.snapshot());
    const { version } = process.ledger;
    if (this.ledgerSeen?.version !== version)
      this.ledgerSeen = { version, state: visibleLedger(process.ledger) };
    return { store: visibleStore(process.server, snapshot), ledger: this.ledgerSeen.state };
  }

  private async lose(step: Loss): Promise<unknown> {
    const { process } = this;
    switch (step.do) {
      case 'flush':
        process.flush();
        break;
      case 'drop-key':
        process.server.missing.add(STORE_KEYS[step.index] ?? '');
        break;
      case 'restart':
        process.changeIdentity(false);
        break;
      case 'rewind': {
        if (this.backup === null) return null;
        const { sale, epoch } = this.backup;
        process.changeIdentity(false);
        Object.assign(process.server, { sale: sale.copy(sale.epoch, 0), epoch, halfDone: false });
        process.server.missing.clear();
      }
    }
    return step.stumbles ? await process.open(true) : null;
  }

  private async writeJournal(fault: LedgerFault): Promise<number> {
    const { process } = this;
    const { server, ledger } = process;
    const waiting = server.missing.has('events') ? [] : server.sale.stock.waiting;
    const last = waiting.at(-1);
    if (last === undefined) return 0;
    if (waiting.some(({ epoch }) => epoch !== process.epoch)) throw new NotReady('of another epoch');
    onLedger(fault, () => ledger.append(process.epoch, waiting));
    await process.direct((sale) => sale.trim(last.seq, last.epoch));
    return waiting.length;
  }

  /** The fault meets the first call of the ledger. */
  private async resolve(fault: LedgerFault): Promise<unknown> {
    const { process } = this;
    const { ledger } = process;
    const due = await process.direct((sale) => sale.duePins(DUE_PINS));
    if (due.length > 0) {
      onLedger(fault, () => ledger.resolveExpired(process.epoch, due));
      await process.catchUp();
    }
    let coming = due.length > 0 ? null : fault;
    const pends = await process.direct((sale) => sale.duePends());
    for (const { operationId } of pends) {
      const outcome = onLedger(coming, () => ledger.refuseOperation(operationId));
      coming = null;
      if (outcome === 'applied') await process.catchUp();
      await process.direct((sale) => sale.unpend(operationId));
    }
    return { pins: due.length, pends: pends.length };
  }
}

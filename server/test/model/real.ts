// The real system, one sale of it: the service's own rooms on real stores, made as app.ts makes them but for the clocks,
// without HTTP and with the workers' runs called by hand. What a step says is done here and nothing is decided.
import type { Refusal } from '@holdfast/contract/problems';
import type { ConfirmRequest } from '../../src/domain/ledger-facts.ts';
import { Catalog } from '../../src/ledger/catalog.ts';
import type { LedgerContract } from '../../src/ledger/contract.ts';
import { Desk } from '../../src/reservations/desk.ts';
import { LineageGate } from '../../src/reservations/gate.ts';
import { Relay } from '../../src/reservations/relay.ts';
import { SalesDesk } from '../../src/sales/sales-desk.ts';
import { saleKey } from '../../src/stock/keys.ts';
import { identify } from '../../src/stock/library.ts';
import { SaleRebuild } from '../../src/stock/rebuild.ts';
import { type SaleChannel, SaleChannels } from '../../src/stock/sale-channel.ts';
import { writeSale } from '../../src/workers/ledger-writer.ts';
import { resolvePends, resolvePins } from '../../src/workers/resolver.ts';
import type { Copy, Lane } from './lane.ts';
import { LedgerView, visibleStore } from './real-view.ts';
import type { Clocks } from './reference-rebuild.ts';
import type { ConfirmFault, Step, Target } from './steps.ts';
import { refused, type Side, STORE_KEYS, type Visible, type VisibleLedger } from './view.ts';
import { OPERATOR, SALE_NUMBER, type World } from './world.ts';

/** No test outlives a lease of this length: the gate that renews them is not what is tested here. */
const LONG_MS = 3_600_000;
/** After this long without a grant of ours the gate's own may be over. */
const KEPT_MS = 500;

type Loss = Extract<Step, { looked: boolean }>;

export class RealSystem implements Side {
  private readonly gate: LineageGate;
  private readonly channel: SaleChannel;
  private readonly relay: Relay;
  private readonly desk: Desk;
  private readonly sales: SalesDesk;
  private readonly resolving: Parameters<typeof resolvePins>[0];
  private readonly ledgerView: LedgerView;
  private backup: Copy | null = null;
  private itemsAdded = 2;
  private whole = true;
  private leasedEpoch = 0;
  private leasedUntil = 0;
  private ledgerSeen: { readonly writes: number; readonly state: VisibleLedger } | null = null;
  readonly log: [message: string, fields: object][] = [];

  private constructor(
    private readonly lane: Lane,
    private readonly world: World,
    private readonly clocks: Clocks,
    readonly saleNumber: number,
  ) {
    const { redis, ledger } = lane;
    const note = (fields: object, message: string) => void this.log.push([message, fields]);
    const log = { info: note, warn: note, error: note };
    const clock = clocks.store;
    const gate: LineageGate = new LineageGate({
      ...{ redis, ledger, log, clock },
      channels: () => channels,
      storesArePrivate: true,
      openPauseMs: 0,
    });
    const channels = new SaleChannels(redis, world.limits, gate.open, clock);
    const { ids, limits } = world;
    const { open } = gate;
    const channelOf = (number: number) => channels.of(number);
    const catalog = new Catalog(ledger);
    const relay = new Relay(ledger);
    const nothing = () => undefined;
    this.gate = gate;
    this.channel = channels.of(saleNumber);
    this.relay = relay;
    this.desk = new Desk({
      ...{ ledger, catalog, ids, relay, limits, channelOf, open },
      journalReached: async () => undefined,
      onLost: nothing,
      onLedgerFailure: nothing,
    });
    const deliver = async () => void (await relay.catchUpFromStore(this.channel));
    this.sales = new SalesDesk({ ledger, catalog, ids, channelOf, open, deliver });
    this.ledgerView = new LedgerView(lane.pool, ledger, saleNumber);
    this.resolving = { channels, ledger, relay, log };
  }

  static async begin(lane: Lane, world: World, clocks: Clocks): Promise<RealSystem> {
    await lane.clear();
    await lane.setLedgerClock(clocks.ledger());
    const made = await lane.ledger.createSale(world.newSale(), OPERATOR);
    if (made.kind !== 'created' || made.sale.number !== SALE_NUMBER) throw new Error(made.kind);
    const system = new RealSystem(lane, world, clocks, made.sale.number);
    await system.look();
    system.log.length = 0;
    return system;
  }

  async end(): Promise<void> {
    await this.gate.stop();
  }

  /** After the clocks were moved. */
  async tick(): Promise<void> {
    await this.lane.setLedgerClock(this.clocks.ledger());
  }

  async perform(step: Step): Promise<unknown> {
    const { channel, world, saleNumber, lane } = this;
    switch (step.do) {
      case 'wait':
      case 'wait-for-next':
      case 'skew':
        return null; // the clocks are moved for both sides
      case 'reserve':
        return await Promise.all(
          step.attempts.map((attempt) => channel.reserve(world.commandOf(saleNumber, attempt))),
        );
      case 'release':
        return await Promise.all(
          step.targets.map((target) => channel.release(world.refOf(saleNumber, target))),
        );
      case 'extend': {
        const { max: maxExtensions, maxLifetimeSeconds } = world.newSale().extensions;
        const ref = world.refOf(saleNumber, step.target);
        return await channel.extend({ ...ref, seconds: step.seconds, maxExtensions, maxLifetimeSeconds });
      }
      case 'confirm':
        return await this.confirm(step.target, step.payment, step.fault);
      case 'confirm-together':
        return await this.confirmTogether(step.targets);
      case 'expire':
        return await channel.store.expire(step.limit);
      case 'purge':
        return await channel.store.purge(step.limit);
      case 'write-journal': {
        let written = 0;
        const onWritten = (transitions: number) => {
          written += transitions;
        };
        lane.armed = { methods: ['appendTransitions'], fault: step.fault };
        await writeSale({ ledger: lane.ledger, onWritten }, channel);
        return written;
      }
      case 'relay':
        return await this.relay.catchUpFromStore(channel);
      case 'resolve': {
        lane.armed = { methods: ['resolveExpired', 'refuseStockOperation'], fault: step.fault };
        const before = this.log.length;
        await resolvePins(this.resolving, saleNumber);
        await resolvePends(this.resolving, saleNumber);
        return this.resolved(before);
      }
      case 'change-stock': {
        lane.armed = { methods: ['changeStock'], fault: step.fault };
        const answer = await this.sales.changeStock(world.stockRequest(step));
        return answer.ok ? answer.value : asRefused(answer.refusal);
      }
      case 'add-item': {
        if (this.itemsAdded >= world.skus.length) return null;
        const item = world.newItem(this.itemsAdded, step.total, step.cap);
        const answer = await this.sales.addItems(world.newSale().id, [item], OPERATOR);
        if (!answer.ok) return asRefused(answer.refusal);
        this.itemsAdded += 1;
        return 'ok';
      }
      case 'close':
        await (step.delivered ? this.sales : closing(lane.ledger)).close(world.newSale().id, OPERATOR);
        return 'ok';
      case 'reload':
        this.whole = false;
        await lane.reload();
        return null;
      case 'move':
        await lane.changeIdentity();
        return await this.open(step.stumbles);
      case 'back-up':
        if (await this.isWhole()) this.backup = await lane.copy(saleNumber);
        return null;
      default:
        return await this.lose(step);
    }
  }

  async look(): Promise<Visible> {
    const { lane, channel, saleNumber } = this;
    lane.armed = null;
    if (!this.whole || channel.epoch === 0) {
      const opened = await this.open(false);
      if (opened !== 'open') throw new Error(`the sale is ${opened}: ${JSON.stringify(this.log.at(-1))}`);
    }
    const [store, ledger] = await Promise.all([
      this.keepLease().then(() => visibleStore(lane.redis, channel.store, saleNumber)),
      this.lookAtLedger(),
    ]);
    return { store, ledger };
  }

  private async keepLease(): Promise<void> {
    const { lane, channel, saleNumber } = this;
    if (channel.epoch === this.leasedEpoch && performance.now() < this.leasedUntil) return;
    this.leasedEpoch = channel.epoch;
    this.leasedUntil = performance.now() + KEPT_MS;
    const identity = await identify(lane.redis);
    await new SaleRebuild(lane.redis, saleNumber, channel.epoch).grant(identity, identity.nowMs + LONG_MS);
  }

  /** As it was, if nobody has called anything that writes. */
  private async lookAtLedger(): Promise<VisibleLedger> {
    const { writes } = this.lane;
    if (this.ledgerSeen?.writes === writes) return this.ledgerSeen.state;
    const state = await this.ledgerView.look();
    this.ledgerSeen = { writes, state };
    return state;
  }

  private async lose(step: Loss): Promise<unknown> {
    const { lane, saleNumber } = this;
    switch (step.do) {
      case 'flush':
        await lane.redis.flushall();
        break;
      case 'drop-key':
        await lane.redis.unlink(saleKey(saleNumber, STORE_KEYS[step.index] ?? 'stock'));
        break;
      case 'restart':
        await lane.restart(step.kill);
        break;
      case 'rewind':
        if (this.backup === null) return null;
        await lane.comeBackWith(this.backup);
    }
    this.whole = false;
    return step.stumbles ? await this.open(true) : null;
  }

  private async open(stumbles: boolean): Promise<string> {
    // Where a rebuild first reads the ledger: after the store was emptied, or the journal done again.
    const stumble = { methods: ['coldSnapshot', 'entriesAfter'], fault: 'unreachable' } as const;
    this.lane.armed = stumbles ? stumble : null;
    const opened = await this.gate.open(this.saleNumber);
    this.lane.armed = null;
    this.whole = opened === 'open';
    this.leasedUntil = 0;
    return opened;
  }

  private async isWhole(): Promise<boolean> {
    const { lane, channel, saleNumber } = this;
    const reply = await channel.store.duePends().catch(() => null);
    const keys = STORE_KEYS.map((name) => saleKey(saleNumber, name));
    return reply !== null && (await lane.redis.exists(...keys)) === STORE_KEYS.length;
  }

  private async confirm(target: Target, payment: string | null, fault: ConfirmFault): Promise<unknown> {
    const { lane, saleNumber, world } = this;
    const { reservationId, customer: key } = world.refOf(saleNumber, target);
    const flush = async () => void (await lane.redis.flushall());
    const between = {
      'flushed-before': { before: async () => void (await flush().then(() => this.open(false))) },
      'moved-before': { before: async () => void (await lane.changeIdentity().then(() => this.open(false))) },
      'flushed-after': { after: flush },
    };
    const special = fault !== null && fault in between ? between[fault as keyof typeof between] : null;
    const plain = special === null ? (fault as null) : null;
    lane.armed = { methods: ['confirm'], fault: plain, ...special };
    const answer = await this.desk.confirm({ sub: target.owner, key }, saleNumber, reservationId, payment);
    return answer.ok ? answer.value : asRefused({ code: answer.refusal.code });
  }

  /** The verb's own steps, for several at once. */
  private async confirmTogether(targets: readonly Target[]): Promise<unknown> {
    const { channel, saleNumber, world, lane } = this;
    const requests: ConfirmRequest[] = [];
    for (const target of targets) {
      const { reply } = await channel.pin(world.refOf(saleNumber, target));
      if (reply.kind === 'pinned') requests.push(world.confirmRequest(reply.record, target.owner, null));
    }
    const decisions =
      requests.length === 0 ? [] : await lane.ledger.confirm(saleNumber, channel.epoch, requests);
    await this.relay.catchUpFromStore(channel);
    return decisions;
  }

  /** How many pins and pends the resolver says that it has ended. */
  private resolved(since: number): { pins: number; pends: number } {
    const lines = this.log.slice(since);
    const pins = lines.find(([message]) => message === 'pins resolved')?.[1] as
      | { resolved: number }
      | undefined;
    const pends = lines.filter(([message]) => message === 'stock going out resolved');
    return { pins: pins?.resolved ?? 0, pends: pends.length };
  }
}

function closing(ledger: LedgerContract) {
  return { close: (saleId: string, operator: string) => ledger.closeSale(saleId, operator) };
}

function asRefused({ code, members }: Pick<Refusal, 'code' | 'members'>): unknown {
  return refused(code, members ?? {});
}

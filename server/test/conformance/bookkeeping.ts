// An auditor for random sequences: keeps books from nothing but the transitions and the ledger's entries, and
// holds the store to them after every step. What it checks are the promises that no list of examples exhausts:
// never oversold, never over the cap, resolved once, every transition on record, stock equal to its movements.
import { expect } from 'bun:test';
import type { LedgerEntry, Pend, PendReply, Transition } from '../../src/domain/sale-store.ts';
import type { Moment } from './play.ts';

type Standing = 'active' | 'confirming' | 'confirmed' | 'freed';

interface Life {
  readonly of: Pick<Transition, 'customer' | 'lines'>;
  standing: Standing;
}

interface Account {
  total: number;
  readonly cap: number | null;
  reserved: number;
  sold: number;
}

/** From which standing each transition may be made, and where it leads. */
const MOVES = {
  confirming: { from: ['active'], to: 'confirming' },
  unpinned: { from: ['confirming'], to: 'active' },
  extended: { from: ['active'], to: 'active' },
  released: { from: ['active'], to: 'freed' },
  expired: { from: ['active'], to: 'freed' },
} as const satisfies Record<string, { from: readonly Standing[]; to: Standing }>;

export class Bookkeeping {
  private seq = 0;
  private applied = 0;
  private readonly lives = new Map<string, Life>();
  private readonly accounts = new Map<string, Account>();
  private readonly held = new Map<string, number>();
  /** Units set aside, by operation: no transition tells of them, only the replies. */
  private readonly aside = new Map<string, Pend>();

  check({ step, pend, reply, state, entries }: Moment): void {
    if (state === null) return;
    for (const transition of state.pending) if (transition.seq > this.seq) this.follow(transition);
    for (; this.applied < state.snapshot.applied; this.applied++) this.enter(entries[this.applied]);
    if (pend !== null && reply !== null && step.do === 'pend') this.setAside(pend, reply as PendReply);
    if (pend !== null && step.do === 'unpend' && reply === true) this.giveBack(pend);
    expect(this.seq).toBe(state.snapshot.seq);

    const books = [...this.accounts].map(([sku, { total, reserved, sold, cap }]) => ({
      sku,
      total,
      reserved,
      sold,
      maxPerCustomer: cap,
    }));
    expect(state.snapshot.items).toEqual(books.sort((a, b) => (a.sku < b.sku ? -1 : 1)));
    expect(state.snapshot.live).toBe([...this.lives.values()].filter(isLive).length);
  }

  private follow(transition: Transition): void {
    expect(transition.seq).toBe(this.seq + 1);
    this.seq = transition.seq;
    const key = lifeKey(transition);
    if (transition.kind === 'reserved') {
      expect(transition.createdSeq).toBe(transition.seq);
      this.lives.set(key, { of: transition, standing: 'active' });
      this.move(transition, { reserved: 1, sold: 0, held: 1 });
      this.expectWithinBounds(transition);
      return;
    }
    const life = this.lives.get(key);
    const move = MOVES[transition.kind];
    expect(move.from as readonly unknown[]).toContain(life?.standing);
    if (life === undefined) return;
    life.standing = move.to;
    if (move.to === 'freed') this.move(transition, { reserved: -1, sold: 0, held: -1 });
  }

  private enter(entry: LedgerEntry | undefined): void {
    if (entry === undefined) throw new Error('an entry was applied that the ledger never made');
    if (entry.kind === 'item-added') {
      this.accounts.set(entry.sku, { total: entry.total, cap: entry.maxPerCustomer, reserved: 0, sold: 0 });
      return;
    }
    if (entry.kind === 'stock-changed') {
      const setAside = entry.operationId !== null && this.aside.delete(entry.operationId);
      if (!setAside) this.account(entry.sku).total += entry.delta;
      return;
    }
    if (entry.kind === 'settings-changed' || entry.kind === 'closed' || entry.kind === 'operator-release')
      return;

    // A life that the ledger knows and the store has lost keeps its number.
    this.seq = Math.max(this.seq, entry.createdSeq);
    const life = this.lives.get(lifeKey(entry));
    const wasLive = life !== undefined && isLive(life);
    if (entry.kind === 'confirmed') {
      this.move(entry, { reserved: wasLive ? -1 : 0, sold: 1, held: wasLive ? 0 : 1 });
      if (life !== undefined) life.standing = 'confirmed';
    } else if (wasLive) {
      this.move(entry, { reserved: -1, sold: 0, held: -1 });
      life.standing = 'freed';
    }
  }

  /** Never from units that are reserved or sold. */
  private setAside(pend: Pend, { kind }: PendReply): void {
    if (kind !== 'pended' || this.aside.has(pend.operationId)) return;
    const account = this.account(pend.sku);
    account.total -= pend.quantity;
    expect(account.reserved + account.sold).toBeLessThanOrEqual(account.total);
    this.aside.set(pend.operationId, pend);
  }

  private giveBack({ operationId }: Pend): void {
    const pend = this.aside.get(operationId);
    if (pend === undefined) throw new Error('units were given back that were not set aside');
    this.account(pend.sku).total += pend.quantity;
    this.aside.delete(operationId);
  }

  /** At the moment of a grant: not a unit more than there is, not one more than the customer may have. */
  private expectWithinBounds({ customer, lines }: Transition): void {
    for (const { sku } of lines) {
      const account = this.account(sku);
      expect(account.reserved + account.sold).toBeLessThanOrEqual(account.total);
      if (account.cap === null) continue;
      expect(this.held.get(`${customer} ${sku}`)).toBeLessThanOrEqual(account.cap);
    }
  }

  private move({ customer, lines }: Life['of'], by: { reserved: number; sold: number; held: number }): void {
    for (const { sku, quantity } of lines) {
      const account = this.account(sku);
      account.reserved += by.reserved * quantity;
      account.sold += by.sold * quantity;
      const holder = `${customer} ${sku}`;
      this.held.set(holder, (this.held.get(holder) ?? 0) + by.held * quantity);
    }
  }

  private account(sku: string): Account {
    const account = this.accounts.get(sku);
    if (account === undefined) throw new Error(`${sku} moved before it was added`);
    return account;
  }
}

function isLive({ standing }: Life): boolean {
  return standing === 'active' || standing === 'confirming';
}

function lifeKey({ reservationId, createdSeq }: { reservationId: string; createdSeq: number }): string {
  return `${reservationId} ${createdSeq}`;
}

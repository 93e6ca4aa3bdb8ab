// What the test knows of the service under it: the ids that its answers named, and what they promised.
import type { PoolName } from './values.ts';

interface Life {
  readonly owner: string;
  /** The answer to its first reserve, to the byte. */
  readonly answer: string;
}

interface Order {
  readonly sale_id: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
}

/** Pools stop growing here: old members are as good as new ones. */
const MAX_MEMBERS = 400;

export class World {
  private readonly pools: Record<PoolName, string[]> = {
    sku: [],
    sale: [],
    reservation: [],
    order: [],
    cursor: [],
  };
  readonly reservations = new Map<string, Life>();
  /** Every order that was answered, by its id. */
  readonly orders = new Map<string, Order>();
  /** Every sale there is. */
  readonly sales = new Set<string>();

  /** One of the pool's members; a word that is none while the pool is empty. */
  member(pool: PoolName, index: number): string {
    const members = this.pools[pool];
    return members[index % Math.max(1, members.length)] ?? `no-${pool}-yet`;
  }

  add(pool: PoolName, member: string): void {
    const members = this.pools[pool];
    if (members.length < MAX_MEMBERS && !members.includes(member)) members.push(member);
  }

  /** Takes in an answer. @returns the promise that it breaks, if it does. */
  learn(operation: string, owner: string, text: string): string | undefined {
    if (operation === 'page' || !text.startsWith('{')) return undefined;
    const body = JSON.parse(text);
    if (typeof body.next_cursor === 'string') this.add('cursor', body.next_cursor);
    switch (operation) {
      case 'reserve':
        return this.learnReservation(body.reservation_id, owner, text);
      case 'confirm':
        this.orders.set(body.order_id, body);
        this.add('order', body.order_id);
        return undefined;
      case 'createSale':
      case 'addItems':
        this.sales.add(body.id);
        this.add('sale', body.id);
        for (const { sku } of body.items) this.add('sku', sku);
        return undefined;
      default:
        return undefined;
    }
  }

  private learnReservation(id: string, owner: string, answer: string): string | undefined {
    const first = this.reservations.get(id);
    if (!first) {
      this.reservations.set(id, { owner, answer });
      this.add('reservation', id);
      return undefined;
    }
    if (first.owner !== owner) return 'two customers were given one reservation id';
    return first.answer === answer ? undefined : 'a replay is not the answer first given, byte for byte';
  }
}

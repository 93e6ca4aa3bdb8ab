// The ten keys of a sale, in the order every function of the library names them (server/lua/00-head.lua).
// The braces are the hash tag: all keys of a sale live in one slot.
const NAMES = ['stock', 'res', 'dead', 'pinned', 'done', 'cust', 'events', 'meta', 'win0', 'win1'] as const;

export type SaleKeyName = (typeof NAMES)[number];

export function saleKey(saleNumber: number, name: SaleKeyName): string {
  return `hf:{${saleNumber}}:${name}`;
}

export function saleKeys(saleNumber: number): string[] {
  return NAMES.map((name) => saleKey(saleNumber, name));
}

/** The two windows of the general limits; they belong to no sale. */
export const GENERAL_WINDOW_KEYS = ['hf:{general}:win0', 'hf:{general}:win1'] as const;

/** Written to see which replicas follow; it says nothing. */
export const HEARTBEAT_KEY = 'hf:{general}:beat';

/** Where processes tell each other whose reservations have changed. */
export const HINT_CHANNEL = 'hf:{general}:hints';

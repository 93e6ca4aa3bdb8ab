// Bodies that were read before. In a hot sale nearly all customers ask for the same, letter for letter: a body whose text has
// been parsed and found valid need not be parsed again (6 µs of a reserve's way). Only good ones are kept, so that
// whatever is refused is looked at anew; and they are frozen, because requests share them.
import { LRUCache } from 'lru-cache';

/** Of one operation: a sale's items in the usual quantities. */
const MAX_BODIES = 1_000;
/** Longer ones are carts, which differ. */
const MAX_LENGTH = 256;

export class KnownBodies {
  private readonly bodies = new LRUCache<string, object>({ max: MAX_BODIES });

  find(text: string): object | undefined {
    return text.length <= MAX_LENGTH ? this.bodies.get(text) : undefined;
  }

  /** `value` is what the text says, and valid. */
  keep(text: string, value: unknown): void {
    if (text.length > MAX_LENGTH || typeof value !== 'object' || value === null) return;
    this.bodies.set(text, deepFreeze(value));
  }
}

/** As deep as valid bodies are. */
function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}

// Who is shopping. For trying it out, the built-in issuer signs a guest in whose name this browser keeps, so that all
// its tabs are one shopper; the token itself stays in the tab. Where that issuer is off, the shop's own token is asked
// for. Nobody is signed in before there is something to ask for.
import { HoldfastError } from '@holdfast/client';
import { readToken } from '../../shared/access-token.ts';
import { readSession, writeSession } from '../../shared/session-value.ts';
import type { Store } from '../../shared/store.tsx';
import type { Keep } from '../kept-value.ts';

const TOKEN = 'holdfast.token';
const GUEST = 'customer';
/** A token with less life than this may be dead when it arrives. */
const MARGIN_MS = 20_000;
/** A guest's name is no secret; it only must not be someone else's by chance. */
const GUEST_BYTES = 9;

export type Access =
  /** Nobody yet: the first thing asked for signs a guest in. */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'shopper'; readonly customer: string }
  /** The built-in issuer is off: a token must be given. */
  | { readonly kind: 'token-needed' };

export class TokenNeeded extends HoldfastError {
  constructor() {
    super({ code: 'demo-auth-off', status: 403, title: 'A token of the shop is needed' });
  }
}

export class Shopper {
  readonly #keep: Keep;
  /** Read late: the store is made with this shopper's token. */
  readonly #store: () => Pick<Store, 'client' | 'clock'>;
  readonly #listeners = new Set<() => void>();
  #access: Access;
  #signingIn: Promise<string> | undefined;

  constructor(keep: Keep, store: () => Pick<Store, 'client' | 'clock'>) {
    this.#keep = keep;
    this.#store = store;
    const customer = readToken(readSession(TOKEN) ?? '')?.subject ?? keep.read(GUEST);
    this.#access = customer === null ? { kind: 'nobody' } : { kind: 'shopper', customer };
  }

  get access(): Access {
    return this.#access;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A token that is good for a while yet. @throws TokenNeeded, or why none could be had. */
  readonly token = async (): Promise<string> => {
    const held = readSession(TOKEN);
    const facts = held === undefined ? undefined : readToken(held);
    if (held !== undefined && facts && facts.expiresAtMs - this.#store().clock.nowMs() > MARGIN_MS)
      return held;
    this.#signingIn ??= this.#signIn().finally(() => {
      this.#signingIn = undefined;
    });
    return await this.#signingIn;
  };

  /** The customer's name, signing in if there is none yet. */
  async customer(): Promise<string> {
    const token = await this.token();
    return readToken(token)?.subject ?? '';
  }

  /** A token from elsewhere. @returns false if it is none, or has run out. */
  takeToken(text: string): boolean {
    const token = text.trim();
    const facts = readToken(token);
    if (!facts || facts.expiresAtMs <= this.#store().clock.nowMs()) return false;
    writeSession(TOKEN, token);
    this.#become({ kind: 'shopper', customer: facts.subject });
    return true;
  }

  /** The service did not take the token. */
  forgetToken(): void {
    writeSession(TOKEN, undefined);
  }

  async #signIn(): Promise<string> {
    try {
      const { access_token: token } = await this.#store().client.token(this.#guest());
      writeSession(TOKEN, token);
      this.#become({ kind: 'shopper', customer: readToken(token)?.subject ?? this.#guest() });
      return token;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'demo-auth-off') throw error;
      this.#become({ kind: 'token-needed' });
      throw new TokenNeeded();
    }
  }

  #guest(): string {
    const kept = this.#keep.read(GUEST);
    if (kept !== null) return kept;
    const random = crypto.getRandomValues(new Uint8Array(GUEST_BYTES));
    this.#keep.write(
      GUEST,
      `guest-${[...random].map((byte) => byte.toString(36).padStart(2, '0')).join('')}`,
    );
    // Another tab may have been as fast: whoever wrote last is who both are.
    return this.#keep.read(GUEST) ?? '';
  }

  #become(access: Access): void {
    const same = access.kind === this.#access.kind;
    if (same && (access.kind !== 'shopper' || access.customer === customerOf(this.#access))) return;
    this.#access = access;
    for (const listener of this.#listeners) listener();
  }
}

export function customerOf(access: Access): string | undefined {
  return access.kind === 'shopper' ? access.customer : undefined;
}

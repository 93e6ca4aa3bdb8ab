// The operator's session: one token at a time, in memory and session storage, never in the address bar. It is the
// service that ends it, with a 401; the page underneath stays as it was until somebody signs in again.
import { readSession, writeSession } from '../../shared/session-value.ts';
import { type Access, readAccess, takeFromFragment } from './access.ts';

const KEPT_AS = 'holdfast.console.token';

export type SessionState =
  /** Nobody has signed in; `notice` says why a link did not do it. */
  | { readonly kind: 'out'; readonly notice?: string }
  | { readonly kind: 'in'; readonly access: Access }
  /** The service refused the token: the page waits for another one. */
  | { readonly kind: 'ended'; readonly access: Access };

export class Session {
  #state: SessionState = { kind: 'out' };
  readonly #listeners = new Set<() => void>();

  get state(): SessionState {
    return this.#state;
  }

  /** The token to send; the refused one goes on being refused, so that nothing looks signed in that is not. */
  get token(): string {
    return this.#state.kind === 'out' ? '' : this.#state.access.token;
  }

  signIn(access: Access): void {
    writeSession(KEPT_AS, access.token);
    this.#set({ kind: 'in', access });
  }

  signOut(notice?: string): void {
    writeSession(KEPT_AS, undefined);
    this.#set(notice === undefined ? { kind: 'out' } : { kind: 'out', notice });
  }

  /** A 401 for this token. One that was replaced meanwhile ends nothing. */
  refused(token: string): void {
    if (this.#state.kind !== 'in' || this.#state.access.token !== token) return;
    writeSession(KEPT_AS, undefined);
    this.#set({ kind: 'ended', access: this.#state.access });
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

/** A link's token wins over the one that the tab remembers; either way the address bar is clean at once. */
export function openSession(session: Session, location: Location, history: History): void {
  const { token, rest } = takeFromFragment(location.hash);
  if (token !== null) {
    const fragment = rest === '' ? '' : `#${rest}`;
    history.replaceState(history.state, '', location.pathname + location.search + fragment);
  }
  const reading = readAccess(token ?? readSession(KEPT_AS) ?? '');
  if (reading.kind === 'access') session.signIn(reading.access);
  else if (token !== null) session.signOut(whyNot(reading));
}

/** What to tell somebody whose token will not do. */
export function whyNot(reading: Exclude<ReturnType<typeof readAccess>, { kind: 'access' }>): string {
  if (reading.kind === 'no token')
    return 'That is not an access token. Copy the whole of what holdfast token --operator prints.';
  return `That token is ${reading.subject}’s and has no operator scope. Sign in with one from holdfast token --operator.`;
}

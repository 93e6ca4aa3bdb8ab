// The keys of an identity provider's JWKS, through its rotations and its outages. A token whose key is not known yet
// waits for the next look at the set, so that a rotation turns nobody away; keys at hand go on being good while the
// provider cannot be asked, so that its outage is not ours.
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { Batcher } from '../domain/batcher.ts';

/** The keys are out of reach: the token is neither good nor bad. Answered 503. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

/** Shoppers wait for it, so it is short. */
const FETCH_TIMEOUT_MS = 3_000;
/** Older keys are used while newer ones are fetched: so long may a withdrawn key go unnoticed. */
const FRESH_MS = 600_000;
/** Between two fetches. A rotation is noticed within this, and forged key ids cost the provider one request each. */
const PAUSE_MS = 1_000;
/** Requests of one process waiting for the next look, a second's worth; beyond them it is 503. */
const MAX_WAITING = 2_000;

export class KeySet {
  private keys: JWTVerifyGetKey | undefined;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private reachable = true;
  /** One look at a time: who asks while one is under way shares the next, which sees all that was published before. */
  private readonly looks: Batcher<null, null>;

  /** @param onUnavailable told when the set gets out of reach, not again until it was reached. */
  constructor(
    private readonly url: string,
    private readonly onUnavailable: (cause: unknown) => void,
  ) {
    this.looks = new Batcher({
      maxBatch: MAX_WAITING,
      maxInFlight: 1,
      maxQueued: MAX_WAITING,
      send: async (waiting) => {
        await this.look();
        return waiting.map(() => null);
      },
    });
  }

  /** The key that the token's header names. @throws KeysUnavailable, or a JOSE error if there is no such key */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const known = this.keys;
    if (known === undefined) return await (await this.lookAgain())(header, token);
    if (Math.abs(Date.now() - this.lookedAtMs) > FRESH_MS) this.renewBehind();
    try {
      return await known(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      return await (await this.lookAgain())(header, token);
    }
  };

  private async lookAgain(): Promise<JWTVerifyGetKey> {
    await this.looks.run(null);
    if (this.keys === undefined) throw new KeysUnavailable('no JWKS was fetched yet');
    return this.keys;
  }

  private renewBehind(): void {
    // What fails here was told to onUnavailable, and the next request tries again.
    if (this.looks.queued === 0) this.looks.run(null).catch(() => undefined);
  }

  private async look(): Promise<void> {
    const sinceMs = Math.abs(Date.now() - this.lookedAtMs);
    if (sinceMs < PAUSE_MS) await Bun.sleep(PAUSE_MS - sinceMs);
    try {
      this.keys = createLocalJWKSet(await fetchKeys(this.url));
      this.reachable = true;
      this.lookedAtMs = Date.now();
    } catch (cause) {
      if (this.keys !== undefined) this.lookedAtMs = Date.now();
      if (this.reachable) this.onUnavailable(cause);
      this.reachable = false;
      throw new KeysUnavailable('the JWKS could not be fetched', { cause });
    }
  }
}

/** Only what the configured URL itself answers: a redirect could lead anywhere. */
async function fetchKeys(url: string): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (response.status !== 200) throw new Error(`the JWKS answered ${response.status}`);
  return (await response.json()) as JSONWebKeySet;
}

// A worker remembers 50,000 callers' tokens (http/auth.ts) and forgets the one not used for longest. This load would take half an hour to
// fill that, and till then its memory would grow without anything leaking. So it is filled at once, at a pace that shows in no answer:
// when the load begins, and whenever a worker was started anew.
import { token } from '../harness/service.ts';

/** Connections are dealt to the two workers by the kernel, and not evenly: more than both remember. */
const TOKENS = 130_000;
const AT_ONCE = 32;
/** Of one of them, on average: some 1,300 requests a second together, done within two minutes. */
const PAUSE_MS = 24;
/** Found wrong after the token and before any store is asked. */
const NOBODYS = '/api/v1/reservations/rsv_nobodys';

export class Warmth {
  private readonly filling = new Set<Promise<void>>();
  private over = new AbortController();
  private made = 0;

  constructor(private readonly url: string) {}

  /** From the beginning, if it is under way. */
  fill(): void {
    this.over.abort();
    this.over = new AbortController();
    const { signal } = this.over;
    let left = TOKENS;
    for (let lane = 0; lane < AT_ONCE; lane += 1) {
      const filled = (async () => {
        while (left-- > 0 && !signal.aborted) {
          this.made += 1;
          const headers = { authorization: `Bearer ${token(`passer-by-${this.made}`)}` };
          // Cut, or refused while something is broken: there are more than enough.
          await fetch(this.url + NOBODYS, { headers, signal })
            .then((response) => response.arrayBuffer())
            .catch(() => undefined);
          await Bun.sleep(PAUSE_MS);
        }
      })();
      this.filling.add(filled);
      void filled.then(() => this.filling.delete(filled));
    }
  }

  async stop(): Promise<void> {
    this.over.abort();
    await Promise.all(this.filling);
  }
}

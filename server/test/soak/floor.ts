// Where bystanders of a soak meet: the service's address, what is on sale just now, and clients whose every request is noted. They are the
// SDK's clients, so they retry as it does: within a budget, and never before a Retry-After is over.
import { HoldfastClient, type HoldfastClientOptions, HoldfastError } from '@holdfast/client';
import { OperatorClient } from '@holdfast/client/operator';
import type { Observer } from '@holdfast/client/transport';
import { token } from '../harness/service.ts';
import type { Answers } from './answers.ts';

/** Tokens live for 15 minutes. */
const TOKEN_USED_MS = 600_000;
const TIMEOUT_MS = 5_000;
const MISTAKES_KEPT = 10;

export class Floor {
  private skus: readonly string[] = [];
  private salesOpen: readonly string[] = [];
  private over = false;
  /** What is neither done nor refused: a mistake of the soak, or of the client. */
  readonly mistakes: string[] = [];

  constructor(
    readonly url: string,
    readonly answers: Answers,
    readonly random: () => number,
  ) {}

  get closing(): boolean {
    return this.over;
  }

  close(): void {
    this.over = true;
  }

  /** From now on people look at these. */
  show(saleIds: readonly string[], skus: readonly string[]): void {
    this.salesOpen = saleIds;
    this.skus = skus;
  }

  get sku(): string | undefined {
    return this.anyOf(this.skus);
  }

  get saleId(): string | undefined {
    return this.anyOf(this.salesOpen);
  }

  anyOf<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  customer(sub: string): HoldfastClient {
    return new HoldfastClient(this.optionsOf(sub));
  }

  operator(): OperatorClient {
    return new OperatorClient(this.optionsOf('operator', 'holdfast:operator'));
  }

  /** Again and again until the floor closes, with a pause of this on average; what the service refuses is noted already. */
  async keepDoing(what: () => Promise<unknown>, pauseMs: number): Promise<void> {
    while (!this.over) {
      await what().catch((error: unknown) => this.passOver(error));
      await this.pause(pauseMs);
    }
  }

  /** Ends early when the floor closes. */
  async pause(averageMs: number): Promise<void> {
    const untilMs = performance.now() + averageMs * 2 * this.random();
    while (!this.over && performance.now() < untilMs)
      await Bun.sleep(Math.min(LOOK_UP_MS, Math.max(1, untilMs - performance.now())));
  }

  /** Refusals have been noted where they came. */
  private passOver(error: unknown): void {
    if (error instanceof HoldfastError || this.mistakes.length >= MISTAKES_KEPT) return;
    this.mistakes.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  private optionsOf(sub: string, scope?: string): HoldfastClientOptions {
    return {
      baseUrl: this.url,
      token: renewed(sub, scope),
      timeoutMs: TIMEOUT_MS,
      retryRateLimited: true,
      observe: this.observe,
    };
  }

  private readonly observe: Observer = ({ call }) => {
    const sentAtMs = performance.now();
    return (ended) => {
      const { status, code } = 'answer' in ended ? { status: ended.answer.status, code: '' } : ended.error;
      if (code === 'aborted') return;
      this.answers.note({ what: call.operation, status, code, sentAtMs, endedAtMs: performance.now() });
    };
  };
}

const LOOK_UP_MS = 200;

/** A token that is used for a while, as a shopper's is. */
export function renewed(sub: string, scope?: string): () => string {
  let made = '';
  let madeAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() > madeAtMs + TOKEN_USED_MS) {
      made = token(sub, scope);
      madeAtMs = performance.now();
    }
    return made;
  };
}

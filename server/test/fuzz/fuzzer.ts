// Sends plans to a service for a while, several at a time, and holds every answer against its promises.
import fc from 'fast-check';
import { token } from '../harness/service.ts';
import { RawClient, wireBytes } from '../hostile/raw-http.ts';
import { meet } from './contract.ts';
import { type Actor, anyPlan, type Plan, requestOf } from './plans.ts';
import { brokenPromises } from './promises.ts';
import { World } from './world.ts';

/** Requests at a time: enough to race, few enough to read when one fails. */
const AT_A_TIME = 4;
/** The time ends a run, not the count. */
const NO_COUNT = 1_000_000;

export const customerName = (index: number): string => `customer-${index}`;

export class Fuzzer {
  readonly world = new World();
  /** How often each operation answered with each status: `reserve 201` → 44. */
  readonly answered = new Map<string, number>();
  private readonly clients: readonly RawClient[];
  private readonly tokens = new Map<string, string>();

  constructor(url: string) {
    this.clients = Array.from({ length: AT_A_TIME }, () => new RawClient(url));
  }

  get requests(): number {
    return [...this.answered.values()].reduce((sum, count) => sum + count, 0);
  }

  /** @throws with the shrunk plans, the bytes of the request and the answer when a promise is broken. */
  async run(seed: number, seconds: number): Promise<void> {
    const several = fc.array(anyPlan(), { minLength: 1, maxLength: AT_A_TIME });
    let under: Promise<unknown> = Promise.resolve();
    const check = fc.asyncProperty(several, async (together) => {
      const asked = Promise.all(together.map((plan, index) => this.send(plan, index)));
      under = asked;
      const wrongs = await asked;
      const wrong = wrongs.flat();
      if (wrong.length > 0) throw new Error(wrong.join('\n\n'));
    });
    const untilTime = { interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false };
    await fc.assert(check, { seed, numRuns: NO_COUNT, ...untilTime });
    // The time may end in the middle of a request: its answer belongs to this run, not to the next.
    await under;
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  /** What is wrong with the answer; a surprise in here is a wrong too, so that the others of the run are awaited. */
  private send(plan: Plan, index: number): Promise<string[]> {
    return this.ask(plan, this.clients[index] as RawClient).catch((error: Error) => [error.stack ?? '']);
  }

  private async ask(plan: Plan, client: RawClient): Promise<string[]> {
    const { world } = this;
    const request = requestOf(
      plan,
      ({ pool, index }) => world.member(pool, index),
      (actor) => this.authorizationOf(actor),
    );
    const answer = await client.ask(request);
    const met = meet(request.method, request.target);
    const name = met.kind === 'operation' ? met.operation.id : met.kind;
    const outcome = `${name} ${answer.status}`;
    this.answered.set(outcome, (this.answered.get(outcome) ?? 0) + 1);

    const broken = brokenPromises(request, answer);
    const learnable =
      answer.status < 300 && request.method !== 'HEAD' && broken.length === 0 && !answer.endless;
    const lie = learnable ? world.learn(name, ownerOf(plan.actor), answer.text) : undefined;
    const all = lie === undefined ? broken : [...broken, lie];
    const exchange = `→ ${wireBytes(request).toString('latin1')}\n← ${answer.status} ${answer.text}`;
    return all.map((what) => `${what}\n${exchange}`);
  }

  private authorizationOf(actor: Actor): string | null {
    switch (actor.kind) {
      case 'customer':
        return this.bearer(customerName(actor.index));
      case 'operator':
        return this.bearer('operator', 'holdfast:operator');
      case 'nobody':
        return null;
      case 'forged':
        return actor.authorization;
    }
  }

  /** One token a name: a shopper sends the same one several times. */
  private bearer(sub: string, scope?: string): string {
    const made = this.tokens.get(sub) ?? `Bearer ${token(sub, scope)}`;
    this.tokens.set(sub, made);
    return made;
  }
}

function ownerOf(actor: Actor): string {
  return actor.kind === 'customer' ? customerName(actor.index) : actor.kind;
}

// Shoppers who go on and on: each reserves, confirms or releases, reads, and soon again, over a connection that is kept for as
// long as the service keeps it. They remember what they were told, and hold the service to it when it is back.
import { expect } from 'bun:test';
import { type Answer, type Place, requestText, Wire } from '../faults/wire.ts';
import { token } from '../harness/service.ts';
import { until } from '../harness/until.ts';

/** Longer than a request may take. */
const ANSWER_MS = 8_000;
/** For a service that is just up again, on a busy machine. */
const PATIENCE_MS = 60_000;
/** Of those with a reservation. */
const CONFIRM_SHARE = 0.5;
const RELEASE_SHARE = 0.3;

interface Told {
  /** `unknown`: it was answered 503, which may say that the outcome is not known yet. */
  status: 'active' | 'confirmed' | 'released' | 'unknown';
  orderId: string | null;
}

export class Shopper {
  readonly told = new Map<string, Told>();
  answers = 0;
  private readonly wire = new Wire(ANSWER_MS);
  private readonly bearer: string;
  private requests = 0;

  constructor(
    readonly sub: string,
    private readonly place: Place,
    private readonly sku: string,
    private readonly random: () => number,
    /** The longest pause between two reservations. */
    private readonly restMs: number,
  ) {
    this.bearer = token(sub);
  }

  /** Until nobody answers any more. */
  async shop(): Promise<void> {
    while (await this.once()) await Bun.sleep(this.random() * this.restMs);
  }

  /** What was told is so. */
  async verify(): Promise<void> {
    for (const [id, { status, orderId }] of this.told) {
      if (status === 'unknown') continue;
      const now = await until('an answer', () => this.answerTo(`/api/v1/reservations/${id}`), PATIENCE_MS);
      const { status: is, order_id = null } = JSON.parse(now.text);
      expect({ id, is, order_id }).toEqual({ id, is: status, order_id: orderId });
    }
  }

  close(): void {
    this.wire.close();
  }

  private async once(): Promise<boolean> {
    const reserved = await this.ask('POST', '/api/v1/inventory/reserve', { sku: this.sku, quantity: 1 });
    if (reserved === undefined) return false;
    if (reserved.status === 503) return true;
    expect(reserved.status, reserved.text).toBe(201);
    const id: string = JSON.parse(reserved.text).reservation_id;
    const told: Told = { status: 'active', orderId: null };
    this.told.set(id, told);
    const wish = this.random();
    if (wish < CONFIRM_SHARE) return await this.confirm(id, told);
    if (wish < CONFIRM_SHARE + RELEASE_SHARE) return await this.release(id, told);
    return (await this.ask('GET', `/api/v1/inventory/${this.sku}`)) !== undefined;
  }

  private async confirm(id: string, told: Told): Promise<boolean> {
    const paid = await this.ask('POST', '/api/v1/checkout/confirm', { reservation_id: id });
    if (paid === undefined) return false;
    if (paid.status === 503) return this.unknown(told);
    expect(paid.status, paid.text).toBe(200);
    told.status = 'confirmed';
    told.orderId = JSON.parse(paid.text).order_id;
    return true;
  }

  private async release(id: string, told: Told): Promise<boolean> {
    const released = await this.ask('DELETE', `/api/v1/reservations/${id}`);
    if (released === undefined) return false;
    if (released.status === 503) return this.unknown(told);
    expect(released.status, released.text).toBe(200);
    told.status = 'released';
    return true;
  }

  private async answerTo(path: string): Promise<Answer | undefined> {
    const answer = await this.ask('GET', path);
    return answer?.status === 503 ? undefined : answer;
  }

  private unknown(told: Told): true {
    told.status = 'unknown';
    return true;
  }

  private async ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<Answer | undefined> {
    this.requests += 1;
    const key = `${this.sub}-${this.requests}`;
    const text = requestText(method, path, this.bearer, body && { body: JSON.stringify(body), key });
    const answer = await this.wire.ask(this.place, text);
    if (answer !== undefined) this.answers += 1;
    return answer;
  }
}

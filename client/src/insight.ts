// What operators look at: how a sale went, how the service is, and a race of its own. Part of HoldfastClient, as
// `client.insight`.
import type { Analytics } from '@holdfast/contract/analytics';
import type { RaceBody, RaceLine } from '@holdfast/contract/race';
import type { Status } from '@holdfast/contract/status';
import { HoldfastError } from './error.ts';
import type { Caller, Transport } from './transport.ts';

export interface InsightOptions {
  readonly signal?: AbortSignal;
}

export interface AnalyticsOptions extends InsightOptions {
  /** RFC 3339. Default: where the sale opened. */
  readonly from?: string;
  /** Default: now. */
  readonly to?: string;
  /** Seconds. Default: so that there are at most 300 points. */
  readonly step?: number;
}

/** Far above the longest line of a race: a stream that is none of ours is not gathered without end. */
const LONGEST_LINE = 1024 * 1024;

export class Insight {
  constructor(
    private readonly transport: Transport,
    private readonly caller: Caller,
  ) {}

  /** Series and funnel of one sale. */
  async analytics(saleId: string, options: AnalyticsOptions = {}): Promise<Analytics> {
    const { from, to, step, signal } = options;
    const query = new URLSearchParams();
    if (from !== undefined) query.set('from', from);
    if (to !== undefined) query.set('to', to);
    if (step !== undefined) query.set('step', String(step));
    const text = query.toString();
    const path = `/api/v1/admin/sales/${encodeURIComponent(saleId)}/analytics${text === '' ? '' : `?${text}`}`;
    const call = { operation: 'analytics', method: 'GET', path, repeatable: true, signal } as const;
    return (await this.transport.send(call, this.caller)).json as Analytics;
  }

  /** Of the process that answers. */
  async status(options: InsightOptions = {}): Promise<Status> {
    const call = {
      operation: 'status',
      method: 'GET',
      path: '/api/v1/admin/status',
      repeatable: true,
      signal: options.signal,
    } as const;
    return (await this.transport.send(call, this.caller)).json as Status;
  }

  /** A race, line by line as it happens; leaving the loop or the signal calls it off. Refusals of interest: `race-running`. */
  async *race(body: RaceBody, options: InsightOptions = {}): AsyncGenerator<RaceLine, void, undefined> {
    // Not repeatable: a race that was begun is running.
    const call = {
      operation: 'race',
      method: 'POST',
      path: '/api/v1/admin/races',
      body,
      repeatable: false,
      signal: options.signal,
    } as const;
    const response = await this.transport.open(call, this.caller);
    if (response.body === null) throw broken('The answer has no body');
    for await (const line of linesOf(response.body)) yield parsed(line);
  }
}

/** The stream's lines without their ends. Cancels the stream when it is left early. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await read(reader);
      if (done) break;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST_LINE) throw broken('A line does not end');
      yield* lines.filter((line) => line !== '');
    }
    if (rest !== '') throw broken('The connection ended within a line');
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function read<T>(reader: { read(): Promise<T> }): Promise<T> {
  try {
    return await reader.read();
  } catch (cause) {
    const code = cause instanceof Error && cause.name === 'AbortError' ? 'aborted' : 'network';
    throw new HoldfastError({ code, status: 0, title: 'The race was cut short', cause });
  }
}

function parsed(line: string): RaceLine {
  try {
    return JSON.parse(line) as RaceLine;
  } catch (cause) {
    throw new HoldfastError({
      code: 'unexpected-answer',
      status: 200,
      title: 'A line of the race is not JSON',
      cause,
    });
  }
}

function broken(detail: string): HoldfastError {
  return new HoldfastError({
    code: 'unexpected-answer',
    status: 200,
    title: 'The race broke off',
    detail,
  });
}

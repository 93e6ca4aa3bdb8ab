// The real service as the thing under attack: what an attacker sends arrives byte for byte, and every answer is held
// against what all refusals promise. Tokens are forged with the service's own secret where a row needs a good signature.
import { expect, test } from 'bun:test';
import type { Problem } from '@holdfast/contract/problem-body';
import type { ProblemCode } from '@holdfast/contract/problems';
import { type Stage, sharedService } from '../harness/shared-service.ts';
import { goodClaims, handMade } from '../http-forge.ts';
import { type RawAnswer, RawClient, type RawRequest } from './raw-http.ts';

export const SECRET = 'the secret of the service under attack, which nobody may ever see';

/** Parts of a request that a case replaces. */
export type Parts = Partial<Omit<RawRequest, 'target'>> & { readonly token?: string | null };

/** A refusal, by status and code. */
export type Expected = readonly [status: number, code: ProblemCode];

export class Target {
  private readonly clients: RawClient[] = [];
  private salesMade = 0;

  constructor(readonly stage: Stage) {}

  get url(): string {
    return this.stage.url;
  }

  /** Without a token unless one is given; a body is JSON unless the headers say otherwise. */
  async ask(
    target: string,
    { method = 'GET', headers = [], body, token = null }: Parts = {},
  ): Promise<RawAnswer> {
    const names = new Set(headers.map(([name]) => name.toLowerCase()));
    const all = [
      ...(token === null ? [] : [['Authorization', `Bearer ${token}`] as const]),
      ...(body === undefined || names.has('content-type')
        ? []
        : [['Content-Type', 'application/json'] as const]),
      ...headers,
    ];
    const client = this.clients.pop() ?? new RawClient(this.url);
    const answer = await client.ask({ method, target, headers: all, ...(body !== undefined && { body }) });
    this.clients.push(client);
    return answer;
  }

  reserve(
    body: unknown,
    { token = customer('alice'), key = crypto.randomUUID() as string, headers = [] as Parts['headers'] } = {},
  ) {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    return this.ask('/api/v1/inventory/reserve', {
      method: 'POST',
      token,
      body: isRaw ? body : JSON.stringify(body),
      headers: [['Idempotency-Key', key], ...(headers ?? [])],
    });
  }

  post(target: string, body: unknown, token: string | null): Promise<RawAnswer> {
    return this.ask(target, { method: 'POST', token, body: JSON.stringify(body) });
  }

  /** A sale of one item with 100 units. */
  async sale(settings: object = {}): Promise<{ id: string; sku: string }> {
    this.salesMade += 1;
    const id = `target-${this.salesMade}`;
    const sku = `${id}-A`;
    const answer = await this.post(
      '/api/v1/admin/sales',
      { id, name: id, items: [{ sku, stock: 100 }], ...settings },
      operator(),
    );
    if (answer.status !== 201) throw new Error(`the sale was refused: ${answer.text}`);
    return { id, sku };
  }

  /** The item's stock, for comparing it before and after. */
  async stock(sku: string): Promise<unknown> {
    const { text } = await this.ask(`/api/v1/inventory/${sku}`);
    const { total, available, reserved, sold } = JSON.parse(text);
    return { total, available, reserved, sold };
  }

  close(): void {
    for (const client of this.clients) client.close();
  }
}

/** One service for a test file. Its last test looks whether the service took any harm. */
export function attack(env: Record<string, string> = {}): Target {
  return new Target(sharedService({ env: { HOLDFAST_JWT_SECRET: SECRET, ...env } }));
}

export function unharmed({ stage }: Target): void {
  test('the service is alive, and its log has nothing unexpected in it', async () => {
    expect(await reasonsNotReady(stage.url)).toEqual([]);
    const lines = stage.service.log().trimEnd().split('\n');
    expect(lines.filter((line) => !['info', 'warn'].includes(JSON.parse(line).level))).toEqual([]);
  });
}

/** What /readyz complains of; not that the tests' shared PostgreSQL does not sync, which is so. */
export async function reasonsNotReady(url: string): Promise<string[]> {
  const { reasons = [] } = (await (await fetch(`${url}/readyz`)).json()) as { reasons?: string[] };
  return reasons.filter((reason) => !reason.startsWith('PostgreSQL runs with '));
}

/** A token with a good signature, whatever its claims and its header say. */
export function signed(claims: object, header: object = { alg: 'HS256' }): string {
  return handMade(header, { ...goodClaims(), ...claims }, SECRET);
}

export const customer = (sub: string): string => signed({ sub });

export const operator = (): string => signed({ sub: 'olga', scope: 'holdfast:operator' });

/** The problem, after checking what every one promises: no stack, no echo of `mark`, its request id, its type. */
export function expectProblem(
  answer: RawAnswer,
  [status, code]: Expected,
  about: string,
  mark?: string,
): Problem {
  const { headers, text } = answer;
  expect(`${about}: ${answer.status} ${text}`).toStartWith(`${about}: ${status} {`);
  const problem = JSON.parse(text) as Problem;
  expect(problem, about).toMatchObject({
    type: `https://holdfast.dev/problems/${code}`,
    status,
    code,
    request_id: headers.get('x-request-id') ?? 'none',
  });
  expect(headers.get('content-type'), about).toBe('application/problem+json');
  expect(text, about).not.toMatch(/\bat \S+ \(|\.ts:\d|node_modules/);
  if (mark !== undefined) expect(text, about).not.toContain(mark);
  return problem;
}

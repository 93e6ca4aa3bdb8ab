// A small service in memory that speaks the contract as far as a race needs it, truthful unless told to lie. A
// race must come out clean on the truthful one, and must see every lie.

export type Lie =
  | 'sells one too many'
  | 'makes a second reservation on a retry'
  | 'answers a retry in other bytes'
  | 'forgets keys once sold out'
  | 'says sold out while a unit is free'
  | 'loses an acknowledged order'
  | 'keeps released stock'
  | 'never expires'
  | 'expires early'
  | 'releases what is confirmed'
  | 'counts a sale twice';

interface Held {
  readonly id: string;
  readonly customer: string;
  readonly deadlineMs: number;
  readonly body: Record<string, unknown>;
  status: 'active' | 'confirmed' | 'released' | 'expired';
  order?: Record<string, unknown>;
}

export const OPERATOR_TOKEN = 'operator';

export class FakeService implements AsyncDisposable {
  readonly #server: Bun.Server<undefined>;
  readonly #held: Held[] = [];
  readonly #byKey = new Map<string, Held>();
  #sale = { id: '', sku: '', total: 0, ttlMs: 0 };
  #closed = false;
  #soldTwice = 0;
  #leaked = 0;

  constructor(private readonly lie: Lie | 'none' | 'limits every token' | 'is not there' = 'none') {
    this.#server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: async (request) => {
        if (this.lie === 'is not there') return problem(503, 'unavailable');
        // Answers wait a moment, so that requests truly overlap.
        const body = request.method === 'POST' ? ((await request.json().catch(() => ({}))) as Body) : {};
        await Bun.sleep(Math.random() * 3);
        return this.#route(request, new URL(request.url).pathname, body);
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }

  #route(request: Request, path: string, body: Body): Response {
    const customer = request.headers.get('authorization')?.replace('Bearer ', '') ?? '';
    const last = path.slice(path.lastIndexOf('/') + 1);
    if (path === '/api/v1/auth/token') return this.#token(body);
    if (path === '/api/v1/admin/sales') return this.#createSale(customer, body);
    if (path.endsWith('/close')) return this.#close();
    if (path === '/api/v1/inventory/reserve')
      return this.#reserve(customer, request.headers.get('idempotency-key') ?? '');
    if (path === '/api/v1/checkout/confirm') return this.#confirm(customer, body.reservation_id ?? '');
    if (path.startsWith('/api/v1/inventory/')) return Response.json(this.#item());
    if (path === '/api/v1/orders') return this.#orders(customer);
    if (!path.startsWith('/api/v1/reservations/')) return problem(404, 'not-found');
    return request.method === 'DELETE' ? this.#release(customer, last) : this.#read(customer, last);
  }

  #token(body: Body): Response {
    if (this.lie === 'limits every token') return problem(429, 'rate-limited');
    return Response.json({ access_token: body.customer_id, token_type: 'Bearer', expires_in: 900 });
  }

  #createSale(operator: string, body: Body): Response {
    if (operator !== OPERATOR_TOKEN) return problem(403, 'forbidden');
    const [item] = body.items ?? [];
    if (item === undefined) return problem(400, 'invalid-request');
    this.#sale = {
      id: body.id ?? '',
      sku: item.sku,
      total: item.stock,
      ttlMs: (body.reservation_ttl_seconds ?? 300) * 1000,
    };
    return Response.json({ id: body.id }, { status: 201 });
  }

  #close(): Response {
    this.#closed = true;
    return Response.json({ id: this.#sale.id });
  }

  #reserve(customer: string, key: string): Response {
    const { total, ttlMs, sku, id: saleId } = this.#sale;
    const nowMs = Date.now();
    this.#expire(nowMs);
    const known = this.#byKey.get(`${customer} ${key}`);
    const { reserved, sold } = this.#item();
    const available = total - reserved - sold;
    const forgets = this.lie === 'forgets keys once sold out' && available === 0;
    if (known !== undefined && this.lie !== 'makes a second reservation on a retry' && !forgets) {
      const text = JSON.stringify(
        known.body,
        undefined,
        this.lie === 'answers a retry in other bytes' ? 1 : 0,
      );
      return new Response(text, { status: 201, headers: { 'idempotency-replayed': 'true' } });
    }
    const surplus = this.lie === 'sells one too many' ? 1 : 0;
    const hidden = this.lie === 'says sold out while a unit is free' ? 1 : 0;
    if (available + surplus - hidden < 1) {
      return problem(409, 'insufficient-stock', { available, reserved, may_return: reserved > 0 });
    }
    const created = new Date(nowMs).toISOString();
    const deadlineMs = nowMs + ttlMs;
    const id = `rsv_${crypto.randomUUID().replaceAll('-', '').slice(0, 22)}`;
    const body = {
      reservation_id: id,
      sale_id: saleId,
      status: 'active',
      items: [{ sku, quantity: 1 }],
      sku,
      quantity: 1,
      created_at: created,
      expires_at: new Date(deadlineMs).toISOString(),
      ttl_seconds: ttlMs / 1000,
    };
    // So early that the shoppers' own confirms meet it, however slow the machine.
    const early = this.lie === 'expires early' ? ttlMs * 0.98 : 0;
    const held: Held = { id, customer, deadlineMs: deadlineMs - early, body, status: 'active' };
    this.#held.push(held);
    this.#byKey.set(`${customer} ${key}`, held);
    return Response.json(body, { status: 201 });
  }

  #expire(nowMs: number): void {
    if (this.lie === 'never expires') return;
    for (const held of this.#held) {
      if (held.status === 'active' && nowMs >= held.deadlineMs) held.status = 'expired';
    }
  }

  #confirm(customer: string, id: string): Response {
    this.#expire(Date.now());
    const held = this.#find(customer, id);
    if (held === undefined) return problem(404, 'unknown-reservation');
    if (held.status === 'released') return problem(409, 'reservation-released');
    if (held.status === 'expired') return problem(410, 'reservation-expired');
    if (held.order === undefined) {
      held.status = 'confirmed';
      held.order = {
        order_id: `ord_${id.slice(4)}`,
        reservation_id: id,
        sale_id: this.#sale.id,
        status: 'confirmed',
        items: [{ sku: this.#sale.sku, quantity: 1 }],
        confirmed_at: new Date().toISOString(),
      };
      if (this.lie === 'counts a sale twice') this.#soldTwice += 1;
    }
    return Response.json(held.order);
  }

  #release(customer: string, id: string): Response {
    this.#expire(Date.now());
    const held = this.#find(customer, id);
    if (held === undefined) return problem(404, 'unknown-reservation');
    if (held.status === 'confirmed' && this.lie !== 'releases what is confirmed')
      return problem(409, 'already-confirmed');
    if (held.status === 'expired') return problem(410, 'reservation-expired');
    if (held.status === 'active' && this.lie === 'keeps released stock') this.#leaked += 1;
    held.status = 'released';
    return Response.json({ ...held.body, status: 'released' });
  }

  #read(customer: string, id: string): Response {
    this.#expire(Date.now());
    const held = this.#find(customer, id);
    return held === undefined
      ? problem(404, 'unknown-reservation')
      : Response.json({ ...held.body, status: held.status });
  }

  #orders(customer: string): Response {
    const orders = this.#held
      .filter((held) => held.customer === customer)
      .flatMap((held) => held.order ?? []);
    const data = this.lie === 'loses an acknowledged order' ? [] : orders;
    return Response.json({ data, next_cursor: null });
  }

  #find(customer: string, id: string): Held | undefined {
    return this.#held.find((held) => held.id === id && held.customer === customer);
  }

  #item() {
    this.#expire(Date.now());
    const { sku, id, total } = this.#sale;
    const reserved = this.#held.filter((held) => held.status === 'active').length + this.#leaked;
    const sold = this.#held.filter((held) => held.status === 'confirmed').length + this.#soldTwice;
    const available = total - reserved - sold;
    return {
      sku,
      sale_id: id,
      name: sku,
      total,
      available,
      reserved,
      sold,
      status: 'on_sale',
      as_of: new Date(),
    };
  }
}

interface Body {
  readonly id?: string;
  readonly customer_id?: string;
  readonly reservation_id?: string;
  readonly reservation_ttl_seconds?: number;
  readonly items?: readonly { readonly sku: string; readonly stock: number }[];
}

function problem(status: number, code: string, members: object = {}): Response {
  return Response.json({ title: code, status, code, ...members }, { status });
}

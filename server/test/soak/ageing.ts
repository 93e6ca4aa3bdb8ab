// Closed sales leave Redis a day after their last resolution, and no soak lasts a day: so the last resolutions of closed sales are put
// a day back, behind everybody's back, until the service's own archivist has unloaded the sale.
import type { SQL } from 'bun';
import type { Redis } from 'ioredis';
import { saleKey } from '../../src/stock/keys.ts';

const EVERY_MS = 10_000;
const DAY_MS = 86_400_000;
const SENTINEL = '@';

/** KEYS done; ARGV when. */
const AGE = `
local done = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, id in ipairs(done) do
  if id ~= ARGV[2] then redis.call('ZADD', KEYS[1], 'XX', ARGV[1], id) end
end
return #done`;

export class Ageing {
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly sql: SQL,
    private readonly redis: Redis,
  ) {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** Closed for longer than this and still in Redis. */
  async overdue(closedBeforeMs: number): Promise<string[]> {
    const rows = await this.sql`
      SELECT id FROM holdfast.sale WHERE closed_at_ms < ${closedBeforeMs} AND NOT unloaded ORDER BY number`;
    return rows.map(({ id }: { id: string }) => id);
  }

  async unloaded(): Promise<number> {
    const [row] = await this.sql`SELECT count(*) AS sales FROM holdfast.sale WHERE unloaded`;
    return Number(row.sales);
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.age().catch(() => undefined); // A store that is away is asked the next time.
      await Bun.sleep(this.stopped ? 0 : EVERY_MS);
    }
  }

  private async age(): Promise<void> {
    const rows = await this.sql`
      SELECT number FROM holdfast.sale WHERE closed_at_ms IS NOT NULL AND NOT unloaded`;
    for (const { number } of rows)
      await this.redis.eval(
        AGE,
        1,
        saleKey(Number(number), 'done'),
        String(Date.now() - DAY_MS - 1),
        SENTINEL,
      );
  }
}

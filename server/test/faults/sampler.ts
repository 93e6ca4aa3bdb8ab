// Looks into both stores while the load goes on: what is sold within its bounds at every look (I1), and, as long as that is
// a quick read, Redis against itself (I5). What fails here has failed under the customers' eyes, whatever the end looks like.
import type { SQL } from 'bun';
import type { Redis } from 'ioredis';
import { saleKey } from '../../src/stock/keys.ts';
import { type Look, overdrawn } from './overdrafts.ts';
import type { Sale, Stage } from './stage.ts';
import { doesNotAddUp, viewStore } from './store-view.ts';

const EVERY_MS = 500;
/** Records that one look reads at most. */
const RECORDS_MAX = 20_000;
/** Damage is noticed with the next renewal of a lease at the latest. */
const NOTICED_WITHIN_MS = 3_000;

export class Sampler {
  looks = 0;
  readonly findings: string[] = [];
  /** At Redis as a whole, to be held against what may have been lost (overdrafts.ts). */
  readonly wholeLooks: Look[] = [];
  private readonly redis: Redis;
  private readonly sql: SQL;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(
    stage: Stage,
    private readonly sale: Sale,
  ) {
    this.redis = stage.redisClient();
    this.sql = stage.sql(1);
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    await this.sql.close({ timeout: 0 }).catch(() => undefined);
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await Promise.race([this.look().catch(() => undefined), Bun.sleep(EVERY_MS * 4 + NOTICED_WITHIN_MS)]);
      await Bun.sleep(EVERY_MS);
    }
  }

  /** A store that is away is looked at the next time. */
  private async look(): Promise<void> {
    const bad = await this.sql`
      SELECT sku, sold, total FROM holdfast.item WHERE sale = ${this.sale.number} AND NOT (0 <= sold AND sold <= total)`;
    for (const { sku, sold, total } of bad)
      this.findings.push(`${sku}: ${sold} sold of ${total} in the ledger`);
    this.looks += 1;
    const [all, meta] = await Promise.all([
      this.redis.hlen(saleKey(this.sale.number, 'res')),
      this.redis.hgetall(saleKey(this.sale.number, 'meta')),
    ]);
    // A sale that is being rebuilt adds up when it is granted, not before.
    if (all > RECORDS_MAX || all === 0 || meta.building) return;
    const view = await viewStore(this.redis, this.sale.number);
    const atMs = performance.now();
    const [found, over] = [doesNotAddUp(view), overdrawn(view)];
    // One that a fault has just damaged does not, and is about to be rebuilt under another epoch.
    if (found.length + over.size > 0) await Bun.sleep(NOTICED_WITHIN_MS);
    const after = await this.redis.hgetall(saleKey(this.sale.number, 'meta'));
    if (after.epoch !== meta.epoch || after.building) return;
    this.wholeLooks.push({ atMs, epoch: String(meta.epoch), overdrawn: over });
    this.findings.push(...found.slice(0, 4).map((finding) => `under load: ${finding}`));
  }
}

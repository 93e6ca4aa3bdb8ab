// The replicas of the server that was verified last (protocols §6). While the ledger is out of reach nobody can ask it who
// may grant. What a promotion elsewhere always does is to take a replica away: so leases go on only while every one of them
// acknowledges a write that was made after the time from which the lease is counted (docs/decisions/0007).
import type { Redis } from 'ioredis';
import { untilConnected } from './connect.ts';
import { HEARTBEAT_KEY } from './keys.ts';
import { type Reply, readIdentity, type StoreIdentity } from './library.ts';

/** Below the time that a command may take, and far below a lease: what comes later is worth no lease. */
const ACKNOWLEDGE_WITHIN_MS = 800;
const CONNECT_WITHIN_MS = 300;

export class Replicas {
  private lineage = '';
  private mostSeen = 0;
  /** A connection of its own: WAIT holds up whatever is sent after it. Only while the ledger is out of reach. */
  private line: Redis | undefined;

  constructor(
    private readonly redis: Redis,
    /** How many there are; null: as many as were ever seen at once under this lineage. */
    private readonly configured: number | null,
  ) {}

  /** How many have to acknowledge. One that is gone still counts: it may have been promoted. */
  get expected(): number {
    return this.configured ?? this.mostSeen;
  }

  /** The ledger has just confirmed this server. */
  verified({ lineage, replicas }: StoreIdentity): void {
    this.mostSeen = lineage === this.lineage ? Math.max(this.mostSeen, replicas) : replicas;
    this.lineage = lineage;
    this.hangUp();
  }

  /**
   * Who the server is, and its time from before the write that all replicas have acknowledged; null if one did not in time,
   * or nobody can know.
   */
  async acknowledged(): Promise<StoreIdentity | null> {
    try {
      const line = await this.connected();
      // Sent together, so that both go to one server: WAIT is about the writes of its own connection.
      const [reply, acknowledgements] = await Promise.all([
        line.call('FCALL', 'hf_beat', 1, HEARTBEAT_KEY) as Promise<Reply>,
        line.wait(this.expected, ACKNOWLEDGE_WITHIN_MS),
      ]);
      return acknowledgements >= this.expected ? readIdentity(reply) : null;
    } catch {
      return null;
    }
  }

  /** Again is safe. */
  hangUp(): void {
    this.line?.disconnect();
    this.line = undefined;
  }

  private async connected(): Promise<Redis> {
    if (this.line === undefined) {
      this.line = this.redis.duplicate();
      this.line.on('error', () => undefined); // the main connection says the same
    }
    await untilConnected(this.line, CONNECT_WITHIN_MS);
    return this.line;
  }
}

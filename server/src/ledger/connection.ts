// One connection to PostgreSQL that carries one statement at a time, so that at every moment it is known whether
// a statement was sent, and a call that runs out of time can be cut off together with its connection. A client
// is never used again after its connection was lost: the next call makes a new one, and fails at once if it cannot.
import { Socket } from 'node:net';
import postgres from 'postgres';
import { type Encryption, encrypt, encryptionOf, type LedgerAddress } from './encryption.ts';
import { ConnectionLost, within } from './failures.ts';
import { HeldSocket } from './held-socket.ts';

export interface SessionSettings {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
}

/** bigint columns (sequence numbers, epoch milliseconds) are far below 2^53 and come as numbers. */
type ColumnTypes = { bigint: number };
export type Sql = postgres.Sql<ColumnTypes>;
/** What statements are written with, inside a transaction and outside. */
export type Statements = postgres.ISql<ColumnTypes>;
/** A part of a statement. */
export type Fragment = postgres.Fragment;

interface ClientOptions extends postgres.Options<{ bigint: postgres.PostgresType<number> }> {
  readonly socket: (address: SocketAddress) => Promise<Socket>;
}

/** What postgres.js hands to its `socket` option, among much else. Its hosts are not to be relied on: see hostsOf. */
interface SocketAddress {
  readonly host: readonly string[];
}

const DEFAULT_PORT = 5432;

/** For the server to take note of a good-bye; nothing is in flight then. */
const CLOSE_TIMEOUT_SECONDS = 1;

export class Connection {
  private client: Sql | null = null;
  private socket: HeldSocket | null = null;
  /** Of several hosts in the connection string, the one to try next. */
  private hostIndex = 0;
  /** Of the last client that was cut off. */
  private ended: Promise<unknown> = Promise.resolve();
  private readonly encryption: Encryption;

  constructor(
    private readonly address: LedgerAddress,
    private readonly settings: SessionSettings,
  ) {
    this.encryption = encryptionOf(address);
  }

  /** The client, connected and set up. When it rejects, nothing was sent. */
  async open(timeoutMs: number): Promise<Sql> {
    if (this.client !== null) return this.client;
    const refused = Promise.withResolvers<never>();
    const client = this.makeClient(refused.reject);
    this.client = client;
    try {
      const opened = Promise.race([setUpSession(client, this.settings), refused.promise]);
      await within(timeoutMs, opened, () => this.cut());
      if (this.socket !== null) this.socket.holds = true;
      return client;
    } catch (error) {
      this.cut();
      throw error;
    }
  }

  /** Drops the connection without waiting for anything. */
  cut(): void {
    const { client, socket } = this;
    this.client = null;
    this.socket = null;
    // Settles what the client still holds. It has nothing to say that its calls have not been told.
    if (client !== null) this.ended = client.end({ timeout: 0 }).catch(() => undefined);
    socket?.destroy();
  }

  /** Ends the connection in good order; the call in flight, if any, has been waited for by the caller. */
  async close(): Promise<void> {
    const client = this.client;
    if (this.socket !== null) this.socket.holds = false;
    if (client !== null) await client.end({ timeout: CLOSE_TIMEOUT_SECONDS });
    this.cut();
  }

  /** `onRefused` hears why no host could be spoken to in private: postgres.js swallows that where there are several. */
  private makeClient(onRefused: (error: unknown) => void): Sql {
    let attempts = 0;
    const options: ClientOptions = {
      max: 1,
      // The array types would cost a query a connection; this room writes array literals itself.
      fetch_types: false,
      // A connection that the client ends by itself could take a statement with it.
      idle_timeout: undefined,
      max_lifetime: null,
      types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
      connection: { application_name: 'holdfast' },
      ssl: false, // done before it is given the socket
      onnotice: () => undefined,
      onclose: () => {
        if (this.client === client) this.cut();
      },
      socket: async ({ host: [fallback = 'localhost'] }) => {
        const hosts = hostsOf(this.address.url, fallback);
        for (;;) {
          attempts += 1;
          if (this.client !== client || attempts > hosts.length) {
            throw new ConnectionLost('no host of the connection string was left to try');
          }
          const { socket, host } = this.connect(hosts);
          if (this.encryption === null) return socket;
          try {
            const secure = await encrypt(socket, host, this.encryption);
            if (this.client === client) return this.watch(secure);
            secure.destroy();
          } catch (error) {
            socket.destroy();
            if (attempts < hosts.length && this.client === client) continue;
            onRefused(error);
            throw error;
          }
        }
      },
    };
    const client: Sql = postgres(this.address.url, options);
    return client;
  }

  /**
   * The socket, connecting. Left to itself postgres.js tries again without end, and without a pause, when a server
   * (or a proxy before it) accepts and hangs up: so a hang-up is made an error, and a client gets one socket a host.
   */
  private connect(hosts: readonly string[]): { readonly socket: Socket; readonly host: string } {
    const host = hosts[this.hostIndex++ % hosts.length] ?? 'localhost';
    const socket = this.watch(new Socket());
    socket.connect(Number(new URL(this.address.url).port || DEFAULT_PORT), host);
    return { socket, host };
  }

  private watch(socket: Socket): Socket {
    socket.on('end', () => socket.destroy(new ConnectionLost('PostgreSQL closed the connection')));
    const held: HeldSocket = new HeldSocket(socket, async () => {
      if (this.socket === held) this.cut();
      await this.ended;
    });
    this.socket = held;
    return socket;
  }
}

/**
 * The hosts of the connection string. postgres.js cuts an IPv6 address short at its first colon, and takes what follows an
 * @ in a password for hosts, and looks them up, where a comma is in it.
 */
function hostsOf(url: string, fallback: string): readonly string[] {
  const { hostname } = new URL(url);
  return hostname === '' ? [fallback] : hostname.replace(/^\[|\]$/g, '').split(',');
}

/** Settings by statement, not in the startup packet: connection poolers refuse parameters they do not know. */
async function setUpSession(client: Sql, settings: SessionSettings): Promise<void> {
  await client`
    SELECT set_config('statement_timeout', ${`${settings.statementTimeoutMs}ms`}, false),
           set_config('lock_timeout', ${`${settings.lockTimeoutMs}ms`}, false),
           set_config('idle_in_transaction_session_timeout', ${`${settings.idleInTransactionTimeoutMs}ms`}, false),
           set_config('default_transaction_isolation', 'read committed', false)`;
}

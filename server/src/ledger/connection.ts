// One connection to PostgreSQL that carries one statement at a time, so that at every moment it is known whether
// a statement was sent, and a call that runs out of time can be cut off together with its connection. A client
// is never used again after its connection was lost: the next call makes a new one, and fails at once if it cannot.
import { Socket } from 'node:net';
import postgres from 'postgres';
import { ConnectionLost, within } from './failures.ts';

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
  readonly socket: (address: SocketAddress) => Socket;
}

/** What postgres.js hands to its `socket` option: the parsed connection string, among much else. */
interface SocketAddress {
  readonly host: readonly string[];
  readonly port: readonly number[];
}

/** postgres.js reads the server's name for TLS from its socket. */
type NamedSocket = Socket & { host?: string; port?: number };

/** For the server to take note of a good-bye; nothing is in flight then. */
const CLOSE_TIMEOUT_SECONDS = 1;

export class Connection {
  private client: Sql | null = null;
  private socket: Socket | null = null;
  /** Of several hosts in the connection string, the one to try next. */
  private hostIndex = 0;

  constructor(
    private readonly databaseUrl: string,
    private readonly settings: SessionSettings,
  ) {}

  /** The client, connected and set up. When it rejects, nothing was sent. */
  async open(timeoutMs: number): Promise<Sql> {
    if (this.client !== null) return this.client;
    const client = this.makeClient();
    this.client = client;
    try {
      await within(timeoutMs, setUpSession(client, this.settings), () => this.cut());
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
    socket?.destroy();
    // Settles what the client still holds. It has nothing to say that its calls have not been told.
    client?.end({ timeout: 0 }).catch(() => undefined);
  }

  /** Ends the connection in good order; the call in flight, if any, has been waited for by the caller. */
  async close(): Promise<void> {
    const client = this.client;
    if (client !== null) await client.end({ timeout: CLOSE_TIMEOUT_SECONDS });
    this.cut();
  }

  private makeClient(): Sql {
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
      onnotice: () => undefined,
      onclose: () => {
        if (this.client === client) this.cut();
      },
      socket: (address) => {
        attempts += 1;
        if (this.client !== client || attempts > address.host.length) {
          throw new ConnectionLost('no host of the connection string was left to try');
        }
        return this.connect(address);
      },
    };
    const client: Sql = postgres(this.databaseUrl, options);
    return client;
  }

  /**
   * The socket, connecting. Left to itself postgres.js tries again without end, and without a pause, when a server
   * (or a proxy before it) accepts and hangs up: so a hang-up is made an error, and a client gets one socket a host.
   */
  private connect(address: SocketAddress): Socket {
    const index = this.hostIndex++ % address.host.length;
    const host = address.host[index] ?? 'localhost';
    const port = address.port[index] ?? 5432;
    const socket: NamedSocket = new Socket();
    socket.on('end', () => socket.destroy(new ConnectionLost('PostgreSQL closed the connection')));
    socket.connect(port, host);
    socket.host = host;
    socket.port = port;
    this.socket = socket;
    return socket;
  }
}

/** Settings by statement, not in the startup packet: connection poolers refuse parameters they do not know. */
async function setUpSession(client: Sql, settings: SessionSettings): Promise<void> {
  await client`
    SELECT set_config('statement_timeout', ${`${settings.statementTimeoutMs}ms`}, false),
           set_config('lock_timeout', ${`${settings.lockTimeoutMs}ms`}, false),
           set_config('idle_in_transaction_session_timeout', ${`${settings.idleInTransactionTimeoutMs}ms`}, false),
           set_config('default_transaction_isolation', 'read committed', false)`;
}

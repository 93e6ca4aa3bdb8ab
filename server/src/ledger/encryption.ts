// TLS to PostgreSQL, agreed on here and not by postgres.js, which verifies nothing under sslmode=require, the host under
// verify-ca too, and goes on after a server has said that it does not encrypt. The modes are libpq's (PostgreSQL's manual,
// "SSL Support"), less the two that encrypt only when asked to. Nothing is said to a server before it was verified.
import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { NO_CERTIFICATES, type StoreCertificates } from '../domain/store-trust.ts';

/** Where the ledger is, and whom to believe. */
export interface LedgerAddress {
  readonly url: string;
  /** None: the public authorities are believed. */
  readonly certificates?: StoreCertificates | undefined;
}

/** How a connection is encrypted; null: not at all. */
export type Encryption = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'checkServerIdentity'
> | null;

/** PostgreSQL's SSLRequest: a length of 8 and a number that no protocol version has. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const WILLING = 'S';

/** The server said that it does not encrypt, or something else than yes or no. */
export class NotEncrypted extends Error {
  override readonly name = 'NotEncrypted';
}

/** What `sslmode` of the connection string demands. Without one nothing is encrypted. */
export function encryptionOf({ url, certificates = NO_CERTIFICATES }: LedgerAddress): Encryption {
  const mode = new URL(url).searchParams.get('sslmode') ?? 'disable';
  if (mode === 'disable') return null;
  const { authorities, own } = certificates;
  // As libpq has it: `require` verifies when it is told whom to believe.
  const verifies = mode !== 'require' || authorities !== null;
  return {
    ...(authorities !== null && { ca: authorities }),
    ...(own !== null && { cert: own.certificate, key: own.key }),
    rejectUnauthorized: verifies,
    ...(['require', 'verify-ca'].includes(mode) && { checkServerIdentity: () => undefined }),
  };
}

/** The same connection, encrypted and verified. Rejects when that fails; the caller destroys the socket. */
export async function encrypt(
  socket: Socket,
  host: string,
  encryption: NonNullable<Encryption>,
): Promise<Socket> {
  socket.write(SSL_REQUEST);
  const [answer] = (await orClosed(socket, 'data')) as [Buffer];
  // Exactly one byte: what a man in the middle adds would be read as if it had come encrypted.
  if (answer.toString('latin1') !== WILLING) {
    throw new NotEncrypted('the server does not take encrypted connections; set ssl to on there');
  }
  socket.removeAllListeners();
  socket.on('error', () => undefined); // told by the encrypted one
  const secure = connectTls({ socket, host, ...encryption, ...(isIP(host) === 0 && { servername: host }) });
  socket.once('close', () => secure.destroy()); // whoever gives up has only that one to destroy
  await orClosed(secure, 'secureConnect');
  return secure;
}

/** The event, or the error that came first. */
async function orClosed(socket: Socket, event: 'data' | 'secureConnect'): Promise<unknown[]> {
  const over = new AbortController();
  const { signal } = over;
  const closed = once(socket, 'close', { signal }).then(() => {
    throw new NotEncrypted('the server closed the connection before it was encrypted');
  });
  try {
    return await Promise.race([once(socket, event, { signal }), closed]);
  } finally {
    over.abort();
  }
}

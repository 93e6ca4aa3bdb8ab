// Stores that speak TLS and nothing else: what their configuration says, and the files that it names. The files are read
// when the server starts, so that a test changes a certificate by `encrypt` and a restart.
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Pair } from './certificates.ts';

export interface Encryption {
  /** What the server shows. */
  readonly own: Pair;
  /** Whoever connects must show a certificate of this authority (PEM). */
  readonly clientsOf?: string;
}

/** PostgreSQL and Redis refuse a key that others may read. */
const PRIVATE = { mode: 0o600 };

/** Lines of redis.conf: the port takes TLS, and there is no other. */
export function redisTlsLines(folder: string, port: number, { own, clientsOf }: Encryption): string[] {
  const [certificate, key, authority] = writeFiles(folder, own, clientsOf);
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-cert-file ${certificate}`,
    `tls-key-file ${key}`,
    `tls-ca-cert-file ${authority}`,
    `tls-auth-clients ${clientsOf === undefined ? 'no' : 'yes'}`,
  ];
}

/** Makes a cluster take TLS and nothing else, from its next start on. `owner`: whom the server runs as, if not us. */
export function encryptPostgres(
  dataFolder: string,
  { own, clientsOf }: Encryption,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): void {
  const files = writeFiles(dataFolder, own, clientsOf);
  const [certificate, key, authority] = files;
  const settings = {
    ssl: 'on',
    ssl_cert_file: certificate,
    ssl_key_file: key,
    ...(clientsOf === undefined ? {} : { ssl_ca_file: authority }),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  const more = [path.join(dataFolder, 'postgresql.auto.conf'), path.join(dataFolder, 'pg_hba.conf')] as const;
  writeFileSync(more[0], `${lines.join('\n')}\n`, PRIVATE);
  const demand = clientsOf === undefined ? '' : ' clientcert=verify-ca';
  writeFileSync(more[1], `hostssl all all 127.0.0.1/32 scram-sha-256${demand}\n`, PRIVATE);
  if (owner !== undefined) for (const file of [...files, ...more]) chownSync(file, owner.uid, owner.gid);
}

function writeFiles(
  folder: string,
  own: Pair,
  authority = own.certificate,
): readonly [string, string, string] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [certificate, key, trusted] = ['server.crt', 'server.key', 'clients.crt'].map((name) =>
    path.join(folder, name),
  ) as [string, string, string];
  writeFileSync(certificate, own.certificate, PRIVATE);
  writeFileSync(key, own.key, PRIVATE);
  writeFileSync(trusted, authority, PRIVATE);
  return [certificate, key, trusted];
}

// The settings that say where the stores are and how their connections are encrypted. Files that they name are read here,
// once: what the rest of the service is given is certificates, not paths.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { ConfigReader, Parsed } from './config-reader.ts';

/** PEM, of one store: as domain/store-trust.ts has it. */
export interface StoreCertificates {
  /** Who may have issued the store's certificate. Null: the public authorities. */
  readonly authorities: string | null;
  /** What this service shows to a store that asks for it. */
  readonly own: { readonly certificate: string; readonly key: string } | null;
}

export interface StoreSettings {
  /** Null: a private Redis of the service's own. */
  readonly redisUrl: string | null;
  /** Null: a private PostgreSQL of the service's own. */
  readonly databaseUrl: string | null;
  readonly certificates: { readonly redis: StoreCertificates; readonly database: StoreCertificates };
}

/** All public authorities together take a quarter of this. */
const MAX_FILE_BYTES = 1_048_576;
const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'];

export function readStores(reader: ConfigReader): StoreSettings {
  const redisUrl = reader.read('REDIS_URL', null, parseRedisUrl, true);
  const databaseUrl = reader.read('DATABASE_URL', null, parseDatabaseUrl, true);
  return {
    redisUrl,
    databaseUrl,
    certificates: {
      redis: readCertificates(reader, 'REDIS', redisUrl, 'begin it with rediss://'),
      database: readCertificates(reader, 'DATABASE', databaseUrl, 'add ?sslmode=verify-full to it'),
    },
  };
}

/** What of these connections others on the network could read or pretend to be, in words. Loopback is no network. */
export function openConnections({ redisUrl, databaseUrl, certificates }: StoreSettings): string[] {
  const advice: string[] = [];
  const inTheOpen = (store: string) =>
    `${store} crosses a network without encryption: passwords and reservations can be read and changed there`;
  const unless = 'unless that network is as private as this machine';
  if (redisUrl !== null && isElsewhere(redisUrl) && !isEncrypted(redisUrl)) {
    advice.push(`${inTheOpen('REDIS_URL')}. Begin it with rediss://, ${unless}.`);
  }
  if (databaseUrl !== null && isElsewhere(databaseUrl)) {
    if (!isEncrypted(databaseUrl)) {
      advice.push(`${inTheOpen('DATABASE_URL')}. Add ?sslmode=verify-full to it, ${unless}.`);
    } else if (sslModeOf(databaseUrl) === 'require' && certificates.database.authorities === null) {
      advice.push(
        'DATABASE_URL says sslmode=require: encrypted for whoever answers, who may be anybody. Write sslmode=verify-full, ' +
          'with HOLDFAST_DATABASE_CA_FILE where the authority is your own.',
      );
    }
  }
  return advice;
}

function readCertificates(
  reader: ConfigReader,
  store: 'REDIS' | 'DATABASE',
  url: string | null,
  encrypt: string,
): StoreCertificates {
  const names = {
    ca: `HOLDFAST_${store}_CA_FILE`,
    cert: `HOLDFAST_${store}_CERT_FILE`,
    key: `HOLDFAST_${store}_KEY_FILE`,
  };
  const problemsBefore = reader.problems.length;
  const authorities = reader.read(names.ca, null, parseCertificates, true);
  const certificate = reader.read(names.cert, null, parseCertificates, true);
  const key = reader.read(names.key, null, parsePrivateKey, true);
  if (reader.problems.length > problemsBefore) return { authorities: null, own: null };
  if ((certificate === null) !== (key === null)) {
    const [given, missing] = certificate === null ? [names.key, names.cert] : [names.cert, names.key];
    reader.refuse(given, `is of no use without ${missing}`, 'set both, or none');
  } else if (certificate !== null && key !== null && !isPair(certificate, key)) {
    reader.refuse(
      names.key,
      `is not the key of the certificate in ${names.cert}`,
      'name the files of one pair',
    );
  }
  const given = [authorities && names.ca, certificate && names.cert, key && names.key].find(Boolean);
  if (given && (url === null || !isEncrypted(url))) {
    const which = url === null ? `${store}_URL is not set` : `${store}_URL asks for none`;
    reader.refuse(
      given,
      `is for an encrypted connection, and ${which}`,
      `set ${store}_URL and ${encrypt}, or leave it out`,
    );
  }
  return { authorities, own: certificate !== null && key !== null ? { certificate, key } : null };
}

function parseRedisUrl(text: string): Parsed<string> {
  if (/^redis\+(cluster|sentinel):\/\//.test(text)) {
    return {
      problem: 'names a Redis Cluster or Sentinel group, which this version does not support yet',
      fix: 'write redis:// or rediss:// with the address of one primary',
    };
  }
  if (!URL.canParse(text) || !/^rediss?:\/\/[^/]/.test(text)) {
    return {
      problem: 'is not the URL of a Redis',
      fix: 'write redis://user:password@host:6379 (rediss:// for TLS)',
    };
  }
  if (!isReadable(text)) return UNREADABLE;
  return new URL(text).searchParams.has('tls')
    ? {
        problem: 'has a parameter tls',
        fix: 'begin it with rediss:// instead, and set HOLDFAST_REDIS_CA_FILE',
      }
    : { value: text };
}

function parseDatabaseUrl(text: string): Parsed<string> {
  if (!URL.canParse(text) || !/^postgres(ql)?:\/\//.test(text)) {
    return {
      problem: 'is not the URL of a PostgreSQL',
      fix: 'write postgres://user:password@host:5432/database',
    };
  }
  if (!isReadable(text)) return UNREADABLE;
  const mode = sslModeOf(text);
  if (!SSL_MODES.includes(mode)) {
    return { problem: 'has an sslmode that promises nothing', fix: `write ${SSL_MODES.join(', ')}, or none` };
  }
  const others = [...new URL(text).searchParams.keys()].filter((name) => /^ssl(?!mode$)/.test(name));
  return others.length === 0
    ? { value: text }
    : {
        problem: 'says more about TLS than sslmode',
        fix: 'write sslmode alone, and name files in HOLDFAST_DATABASE_CA_FILE, _CERT_FILE and _KEY_FILE',
      };
}

const UNREADABLE = {
  problem: 'has a % in its user name or password that is no escape',
  fix: 'write it as %25',
};

function isReadable(url: string): boolean {
  const { username, password } = new URL(url);
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** One or more certificates, as PEM; whatever else stands in the file is left out. */
function parseCertificates(file: string): Parsed<string> {
  const read = readPem(file);
  if (!('value' in read)) return read;
  const blocks = read.value.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const fix = 'name a file with certificates as PEM (-----BEGIN CERTIFICATE-----)';
  if (blocks.length === 0) return { problem: 'names a file without a PEM certificate', fix };
  try {
    return { value: blocks.map((block) => new X509Certificate(block).toString()).join('') };
  } catch {
    return { problem: 'names a file with a broken certificate', fix };
  }
}

function parsePrivateKey(file: string): Parsed<string> {
  const read = readPem(file);
  if (!('value' in read)) return read;
  try {
    return { value: createPrivateKey(read.value).export({ type: 'pkcs8', format: 'pem' }).toString() };
  } catch {
    return {
      problem: 'names a file without a PEM private key that can be used',
      fix: 'name a file with one that has no passphrase (-----BEGIN PRIVATE KEY-----)',
    };
  }
}

/** The value is never shown: it could be the key itself, put where its path belongs. */
function readPem(file: string): Parsed<string> {
  if (file.includes('-----BEGIN')) {
    return { problem: 'is a certificate or a key', fix: 'write it to a file, and name that here' };
  }
  const fix = 'name a file that the service may read';
  try {
    const { size } = statSync(file);
    if (!statSync(file).isFile()) return { problem: 'names no file', fix };
    if (size > MAX_FILE_BYTES) return { problem: `names a file over ${MAX_FILE_BYTES} bytes`, fix };
    return { value: readFileSync(file, 'utf8') };
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return { problem: `names a file that cannot be read (${code})`, fix };
  }
}

function isPair(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

function isEncrypted(url: string): boolean {
  return url.startsWith('rediss:') || (url.startsWith('postgres') && sslModeOf(url) !== 'disable');
}

function sslModeOf(databaseUrl: string): string {
  return new URL(databaseUrl).searchParams.get('sslmode') ?? 'disable';
}

/** Not this machine, as far as the name tells. Without a host it is this machine. */
function isElsewhere(url: string): boolean {
  const { hostname } = new URL(url);
  return !(
    hostname === '' ||
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    hostname.startsWith('127.')
  );
}

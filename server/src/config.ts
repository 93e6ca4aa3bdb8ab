// The only reader of the environment. Everything that can be set is read, checked and given its type here, once,
// before anything starts; every bad variable is reported at once. The rest of the service takes values from Config.
import { createPublicKey } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type ConfigProblem, ConfigReader, type Environment, type Parsed } from './config-reader.ts';
import { readStores, type StoreSettings } from './config-stores.ts';
import { defaultCacheDir, homeFolder } from './embedded/cache-folder.ts';

/** How tokens are verified. Only a secret can also sign, so only with one can the built-in issuer be on. */
export type TokenKey =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'public-key'; readonly pem: string }
  | { readonly kind: 'jwks'; readonly url: string };

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Plain data, so that it travels to the worker processes as a message and never stands in an argument list. */
export interface Config extends StoreSettings {
  readonly production: boolean;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Absolute. Holds the private stores' data and the development secrets. */
  readonly dataDir: string;
  /** Absolute. Holds what was fetched once for all data folders. */
  readonly cacheDir: string;
  readonly redisBin: string | null;
  readonly redisFsync: 'always' | 'everysec';
  /** Replicas of REDIS_URL that could be promoted. Null: as many as the service has seen. */
  readonly redisReplicas: number | null;
  /** Processes that share the port. */
  readonly workers: number;
  readonly tokens: {
    /** Null: HS256 with a secret made at the first start and kept in the data folder. */
    readonly key: TokenKey | null;
    readonly issuer: string;
    readonly audience: string;
    /** POST /api/v1/auth/token gives tokens to whoever asks. */
    readonly demoIssuer: boolean;
  };
  readonly reservationTtlSeconds: number;
  /** Requests a minute; 0 is off. */
  readonly ratesPerMinute: {
    readonly reserveCustomer: number;
    readonly reserveIp: number;
    readonly otherCustomer: number;
    readonly otherIp: number;
  };
  /** WebSockets and event streams open at once. */
  readonly live: {
    /** A process. */
    readonly sockets: number;
    /** An address; 0 is off. */
    readonly perAddress: number;
  };
  /** Addresses and CIDR blocks whose X-Forwarded-For counts. */
  readonly trustedProxies: readonly string[];
  /** Origins whose browsers may call. */
  readonly corsOrigins: readonly string[];
  readonly metrics: { readonly host: string; readonly port: number };
  /** Seed the demo sale if there is no sale yet. */
  readonly demo: boolean;
  readonly logLevel: LogLevel;
  /** A pipe held open by the process that started this one: its end means stop. */
  readonly parentFd: number | null;
}

/** A Config whose open questions are settled: where the stores are and which key verifies tokens. */
export interface ResolvedConfig extends Config {
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly tokens: Config['tokens'] & { readonly key: TokenKey };
}

/**
 * The service cannot run as it is configured. Thrown where only a running store shows it (a PostgreSQL without
 * fsync, a Redis that evicts); what the environment alone shows comes back from readConfig.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(describeProblems(problems));
  }
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** RFC 7518, section 3.2: an HS256 key is at least as long as its hash. */
export const MIN_SECRET_BYTES = 32;
/** More processes than this on one machine share its stores' two threads and gain nothing. */
const MAX_WORKERS = 64;
/** Rates above this are typing errors; `0` is how to say "off". */
const MAX_RATE_PER_MINUTE = 1_000_000;
/** More than a process could serve on one core. */
const MAX_LIVE_SOCKETS = 1_000_000;
/** The contract's bounds of a reservation's time (contract: MIN_REQUESTED_TTL_SECONDS, MAX_TTL_SECONDS). */
export const TTL_SECONDS = { min: 10, max: 86_400 };
/** The smallest RSA modulus that RFC 7518, section 3.3 allows. */
const MIN_RSA_BITS = 2048;

/** Variables of the launcher and of the test suite: theirs to check, not an error here. */
const NOT_OURS = (name: string) => name === 'HOLDFAST_BUN_BIN' || name.startsWith('HOLDFAST_TEST_');

/** Reads and checks every variable; either a whole Config or every problem there is. */
export function readConfig(env: Environment = process.env): ConfigResult {
  const reader = new ConfigReader(env);
  const production = reader.read('NODE_ENV', false, (text) => ({ value: text === 'production' }));
  const port = reader.wholeNumber('PORT', 8080, 0, 65_535);
  const config: Config = {
    production,
    host: reader.read('HOST', '127.0.0.1', parseHost),
    port,
    ...readStores(reader),
    dataDir: path.resolve(reader.read('HOLDFAST_DATA_DIR', '.holdfast', parsePath)),
    cacheDir: reader.read('HOLDFAST_CACHE_DIR', defaultCacheDir(env, homeFolder()), (text) =>
      mapParsed(parsePath(text), (folder) => path.resolve(folder)),
    ),
    redisBin: reader.read('HOLDFAST_REDIS_BIN', null, parsePath),
    redisFsync: reader.choice('HOLDFAST_REDIS_FSYNC', 'always', ['always', 'everysec']),
    redisReplicas: reader.read('HOLDFAST_REDIS_REPLICAS', null, parseReplicas),
    workers: readWorkers(reader),
    tokens: readTokens(reader, production),
    reservationTtlSeconds: reader.wholeNumber(
      'HOLDFAST_RESERVATION_TTL_SECONDS',
      300,
      TTL_SECONDS.min,
      TTL_SECONDS.max,
    ),
    ratesPerMinute: {
      reserveCustomer: readRate(reader, 'HOLDFAST_RATE_CUSTOMER_PER_MINUTE', 10),
      reserveIp: readRate(reader, 'HOLDFAST_RATE_IP_PER_MINUTE', 100),
      otherCustomer: readRate(reader, 'HOLDFAST_RATE_OTHER_CUSTOMER_PER_MINUTE', 120),
      otherIp: readRate(reader, 'HOLDFAST_RATE_OTHER_IP_PER_MINUTE', 600),
    },
    live: {
      sockets: reader.wholeNumber('HOLDFAST_LIVE_SOCKETS', 10_000, 0, MAX_LIVE_SOCKETS),
      perAddress: reader.wholeNumber('HOLDFAST_LIVE_SOCKETS_PER_IP', 200, 0, MAX_LIVE_SOCKETS),
    },
    trustedProxies: reader.list(
      'HOLDFAST_TRUSTED_PROXIES',
      notAnAddressBlock,
      'write addresses or CIDR blocks, as in 10.0.0.0/8,fd00::/8',
    ),
    corsOrigins: reader.list(
      'HOLDFAST_CORS_ORIGINS',
      notAnOrigin,
      'write each origin in full, as in https://shop.example,https://www.shop.example',
    ),
    metrics: readMetrics(reader, port),
    demo: reader.flag('HOLDFAST_DEMO', false),
    logLevel: reader.choice('HOLDFAST_LOG_LEVEL', 'info', LOG_LEVELS),
    parentFd: readParentFd(reader),
  };
  reader.refuseUnknown('HOLDFAST_', NOT_OURS);
  return reader.problems.length === 0 ? { ok: true, config } : { ok: false, problems: reader.problems };
}

/**
 * What the service's own processes get of the environment: nothing that was a setting, which is where secrets are. Nor what makes
 * libraries talk: under DEBUG a store's client prints what it sends, passwords included.
 */
export function childEnvironment(env: Environment = process.env): Record<string, string> {
  const left = new Set(['REDIS_URL', 'DATABASE_URL', 'DEBUG', 'NODE_DEBUG']);
  const isSetting = (name: string) => name.startsWith('HOLDFAST_') && !NOT_OURS(name);
  const kept = Object.entries(env).filter(([name]) => !left.has(name) && !isSetting(name));
  return Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Every problem in words, one a line, for whoever started the service. */
export function describeProblems(problems: readonly ConfigProblem[]): string {
  const heading =
    problems.length === 1 ? '1 configuration problem' : `${problems.length} configuration problems`;
  const lines = problems.map(({ variable, problem, fix }) => `  ${variable}: ${problem}; ${fix}`);
  return [`Holdfast cannot start: ${heading}.`, ...lines].join('\n');
}

function readWorkers(reader: ConfigReader): number {
  const cores = Math.min(availableParallelism(), MAX_WORKERS);
  return reader.read('HOLDFAST_WORKERS', 1, (text) => {
    if (text === 'auto') return { value: cores };
    const workers = Number(text);
    return /^\d{1,3}$/.test(text) && workers >= 1 && workers <= MAX_WORKERS
      ? { value: workers }
      : { problem: 'is not a number of processes', fix: `write one from 1 to ${MAX_WORKERS}, or auto` };
  });
}

function readRate(reader: ConfigReader, name: string, fallback: number): number {
  return reader.wholeNumber(name, fallback, 0, MAX_RATE_PER_MINUTE);
}

function readMetrics(reader: ConfigReader, servicePort: number): Config['metrics'] {
  const host = reader.read('HOLDFAST_METRICS_HOST', '127.0.0.1', parseHost);
  const port = reader.wholeNumber('HOLDFAST_METRICS_PORT', 9464, 0, 65_535);
  if (port !== 0 && port === servicePort) {
    reader.refuse(
      'HOLDFAST_METRICS_PORT',
      'is the same as PORT',
      'write another one, or 0 to pick a free one',
    );
  }
  return { host, port };
}

function readParentFd(reader: ConfigReader): number | null {
  return reader.read('HOLDFAST_PARENT_FD', null, (text) =>
    /^\d{1,4}$/.test(text) && Number(text) >= 3 && isOpen(Number(text))
      ? { value: Number(text) }
      : { problem: 'is not an open pipe', fix: 'leave it to the launcher' },
  );
}

const SECRET = 'HOLDFAST_JWT_SECRET';
const JWKS = 'HOLDFAST_JWKS_URL';
const PUBLIC_KEY = 'HOLDFAST_JWT_PUBLIC_KEY';

function readTokens(reader: ConfigReader, production: boolean): Config['tokens'] {
  const problemsBefore = reader.problems.length;
  const keys = [
    reader.read(SECRET, null, parseSecret, true),
    reader.read(JWKS, null, parseJwksUrl, true),
    reader.read(PUBLIC_KEY, null, parsePublicKey, true),
  ].filter((key): key is TokenKey => key !== null);
  const key = keys[0] ?? null;
  const readable = reader.problems.length === problemsBefore;
  if (keys.length > 1) {
    reader.refuse(
      SECRET,
      `is one of several ways given to verify tokens`,
      `keep one of ${SECRET}, ${JWKS}, ${PUBLIC_KEY}`,
    );
  }
  if (production && key === null && readable) {
    reader.refuse(
      SECRET,
      'is not set, and production makes no secret of its own',
      `set it to at least ${MIN_SECRET_BYTES} random bytes (openssl rand -base64 48), or set ${JWKS} or ${PUBLIC_KEY}`,
    );
  }
  const asked = reader.flag('HOLDFAST_DEMO_AUTH', null);
  const canSign = key === null || key.kind === 'secret';
  if (asked === true && !canSign) {
    reader.refuse('HOLDFAST_DEMO_AUTH', 'needs a key that can sign', `set ${SECRET} alone, or leave it off`);
  }
  return {
    key,
    issuer: reader.read('HOLDFAST_JWT_ISSUER', 'holdfast', parseClaim),
    audience: reader.read('HOLDFAST_JWT_AUDIENCE', 'holdfast-api', parseClaim),
    demoIssuer: canSign && (asked ?? !production),
  };
}

function parseSecret(text: string): Parsed<TokenKey> {
  return Buffer.byteLength(text) >= MIN_SECRET_BYTES
    ? { value: { kind: 'secret', secret: text } }
    : {
        problem: `is shorter than ${MIN_SECRET_BYTES} bytes`,
        fix: `write at least ${MIN_SECRET_BYTES} random ones (openssl rand -base64 48)`,
      };
}

function parseJwksUrl(text: string): Parsed<TokenKey> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const local = url !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && local)
    ? { value: { kind: 'jwks', url: text } }
    : { problem: 'is not an https:// URL', fix: 'write one (http:// only for this machine)' };
}

function parsePublicKey(text: string): Parsed<TokenKey> {
  const fix = 'write a PEM public key: RSA of 2048 bits or more, P-256 or Ed25519';
  const pem = text.replaceAll('\\n', '\n'); // as one-line environment files carry it
  if (pem.includes('PRIVATE KEY')) return { problem: 'is a private key', fix };
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey(pem);
    const strong =
      type === 'ed25519' ||
      (type === 'ec' && details?.namedCurve === 'prime256v1') ||
      (type === 'rsa' && (details?.modulusLength ?? 0) >= MIN_RSA_BITS);
    return strong ? { value: { kind: 'public-key', pem } } : { problem: 'is a key of another kind', fix };
  } catch {
    return { problem: 'is not a public key', fix };
  }
}

function parseReplicas(text: string): Parsed<number> {
  return /^\d$/.test(text)
    ? { value: Number(text) }
    : { problem: 'is not a number of replicas', fix: 'write how many replicas the Redis has, from 0 to 9' };
}

function parseHost(text: string): Parsed<string> {
  const hostname =
    /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
  const looksNumeric = /^[\d.]+$/.test(text); // 127.0.0.256 is no hostname
  return isIP(text) !== 0 || (hostname.test(text) && !looksNumeric)
    ? { value: text }
    : { problem: 'is not an address to listen on', fix: 'write an IP address or a host name, as in 0.0.0.0' };
}

function parsePath(text: string): Parsed<string> {
  return text.includes('\0') ? { problem: 'is not a path', fix: 'write a path' } : { value: text };
}

function parseClaim(text: string): Parsed<string> {
  return /^[\x21-\x7e]{1,255}$/.test(text)
    ? { value: text }
    : { problem: 'is not a plain word', fix: 'write 1 to 255 printable characters without spaces' };
}

function notAnAddressBlock(member: string): string | undefined {
  const [address = '', bits, ...more] = member.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return 'is not an address';
  const widest = family === 4 ? 32 : 128;
  const valid = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest);
  return valid ? undefined : `has no prefix length from 0 to ${widest}`;
}

function notAnOrigin(member: string): string | undefined {
  const url = URL.canParse(member) ? new URL(member) : undefined;
  const origin = url !== undefined && /^https?:$/.test(url.protocol) && url.origin === member;
  return origin ? undefined : 'is not an origin';
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

function mapParsed<T, U>(parsed: Parsed<T>, map: (value: T) => U): Parsed<U> {
  return 'value' in parsed ? { value: map(parsed.value) } : parsed;
}

// The log: one JSON object a line on stderr, one line an event. Whatever a shopper sends may end up in it, so what
// could steer a terminal or break a line is escaped, and what could open a door (tokens, passwords) is removed.
import pino from 'pino';

/** What the rooms are given. `log.info({ saleId, epoch }, 'sale rebuilt')`: facts first, then the event in words. */
export type Log = pino.Logger;

/** Members with these names are replaced, at the top of an entry and one level down. */
const SECRET_MEMBERS = [
  'authorization',
  'Authorization',
  'cookie',
  'token',
  'access_token',
  'accessToken',
  'admissionToken',
  'password',
  'secret',
  'jwtSecret',
  'redisUrl',
  'databaseUrl',
  'certificates',
];

export interface LogOptions {
  readonly level: pino.LevelWithSilentOrString;
  /** Stands in every entry: which process speaks. */
  readonly process: string;
  /** Where lines go instead of stderr: for tests. */
  readonly write?: (line: string) => void;
}

export function createLog({ level, process: name, write }: LogOptions): Log {
  const stderr = write === undefined ? pino.destination({ fd: 2, sync: true }) : undefined;
  return pino(
    {
      level,
      base: { process: name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_MEMBERS.flatMap((member) => [member, `*.${member}`]), censor: '[removed]' },
      serializers: { err: describeError, error: describeError },
    },
    { write: (line: string) => (write ?? ((text) => stderr?.write(text)))(escapeControls(line)) },
  );
}

/**
 * Members of an error that may be logged. Client libraries hang whole commands and connection options on their
 * errors, and those hold keys and passwords.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: withoutCredentials(String(error)) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: withoutCredentials(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: withoutCredentials(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** Credentials inside URLs and bearer tokens, wherever they stand in a text. Passwords may have any character but a space in them. */
export function withoutCredentials(text: string): string {
  return text
    .replace(/:\/\/\S*@/g, '://[removed]@')
    .replace(/\b(Bearer\s+)[\w.~+/=-]+/gi, '$1[removed]')
    .replace(/\beyJ[\w-]*\.[\w-]+\.[\w-]*/g, '[removed]');
}

/**
 * JSON escapes U+0000–U+001F and leaves the rest: DEL and the C1 controls (a terminal obeys U+009B as it does ESC [),
 * the line and paragraph separators, and the marks that reverse the direction of text.
 */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function escapeControls(line: string): string {
  return line.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

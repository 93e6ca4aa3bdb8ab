// What a command is, and how its options are read: unknown ones, missing values and numbers that make no sense
// are refused in words, before anything happens.
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

export interface Terminal {
  /** The result: what a pipe wants. */
  readonly out: (text: string) => void;
  /** Progress and complaints. */
  readonly err: (text: string) => void;
  /** True if `err` is a terminal on which a line can be rewritten. */
  readonly rewritable: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the command shall come to its end: a signal, or the death of what started it. */
  readonly signal: AbortSignal;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** What `--help` prints: usage, options, examples. */
  readonly help: string;
  /** Resolves with the exit code. @throws UsageError when the options make no sense. */
  readonly run: (args: readonly string[], terminal: Terminal) => Promise<number>;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Parses options only; a stray word is an error. @throws UsageError */
export function readOptions<T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** A whole number within its bounds. @throws UsageError naming the option and the bounds. */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${option} must be a whole number from ${min} to ${max}.`);
}

/** An http or https URL. It is shown in messages, so it has no password in it. @throws UsageError naming the option. */
export function httpUrl(option: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    throw new UsageError(`--${option} must have no user name and no password in it.`);
  }
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new UsageError(`--${option} must be an http:// or https:// URL.`);
}

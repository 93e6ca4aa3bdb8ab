// The contract's schemas applied to what came in, and their complaints put as the contract says: a JSON Pointer
// and a sentence. Nothing of the input is repeated, not even the name of an unknown field.

import type { InvalidPart, Refusal } from '@holdfast/contract/problems';
import { IdempotencyKey } from '@holdfast/contract/vocabulary';
import type * as z from 'zod';
import type { Answer } from '../reservations/reservations.ts';

/** A body can be wrong in a thousand places; the first few are enough to mend it. */
const MAX_INVALID_PARTS = 20;

/** The value, of the schema's type; else 400 with the invalid parts. */
export function validate<S extends z.ZodType>(schema: S, value: unknown): Answer<z.infer<S>> {
  const result = schema.safeParse(value, IN_OUR_WORDS);
  if (result.success) return { ok: true, value: result.data };
  return invalidRequest(invalidParts(result.error.issues));
}

export function invalidRequest(errors: readonly InvalidPart[]): { ok: false; refusal: Refusal } {
  const detail = 'Some parts of the request are not valid: see `errors`, correct them and send it again.';
  return { ok: false, refusal: { code: 'invalid-request', detail, errors } };
}

/** Query parameters that are numbers; all others are text. */
const NUMBERS: ReadonlySet<string> = new Set(['limit', 'step']);

/** The query parameters that the schema knows; others are left alone, as links tend to collect them. */
export function validateQuery<S extends z.ZodObject>(schema: S, url: string): Answer<z.infer<S>> {
  const start = url.indexOf('?');
  const given = new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
  const known: Record<string, unknown> = {};
  for (const name of Object.keys(schema.shape)) {
    const [text, ...more] = given.getAll(name);
    if (more.length > 0) return invalidRequest([{ path: `/${name}`, message: 'must be there once' }]);
    if (text !== undefined) known[name] = NUMBERS.has(name) && /^\d{1,9}$/.test(text) ? Number(text) : text;
  }
  return validate(schema, known);
}

const KEY_REQUIRED: Answer<never> = {
  ok: false,
  refusal: {
    code: 'idempotency-key-required',
    detail: 'Send a new Idempotency-Key with each new wish, and the same one with each retry of it.',
  },
};

/** The key from `Idempotency-Key` or `X-Idempotency-Key`. */
export function idempotencyKeyOf(headers: Headers): Answer<string> {
  const plain = headers.get('idempotency-key');
  const prefixed = headers.get('x-idempotency-key');
  const key = plain ?? prefixed;
  if (key === null) return KEY_REQUIRED;
  if (prefixed !== null && prefixed !== key) {
    return invalidRequest([{ path: '', message: 'Idempotency-Key and X-Idempotency-Key must not differ' }]);
  }
  if (IdempotencyKey.safeParse(key).success) return { ok: true, value: key };
  return invalidRequest([{ path: '', message: 'Idempotency-Key must be 1–255 visible ASCII characters' }]);
}

function invalidParts(issues: readonly z.core.$ZodIssue[]): InvalidPart[] {
  return issues
    .flatMap((issue) => (issue.code === 'invalid_union' ? meantBranch(issue.errors) : [issue]))
    .slice(0, MAX_INVALID_PARTS)
    .map(({ path, message }) => ({ path: pointer(path), message }));
}

/** Of a body that fits none of several forms: the complaints of the one that knows most of its fields. */
function meantBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const unknownFields = (issues: readonly z.core.$ZodIssue[]): number =>
    issues.reduce((count, issue) => count + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0), 0);
  return branches.reduce((best, branch) => (unknownFields(branch) < unknownFields(best) ? branch : best));
}

function pointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

const KINDS: Readonly<Record<string, string>> = {
  int: 'an integer',
  number: 'a number',
  string: 'a string',
  object: 'an object',
  array: 'an array',
  boolean: 'true or false',
};

const IN_OUR_WORDS = { error: sentence };

/** Zod's complaint in a sentence that follows the name of the field. Messages written in a schema go first. */
function sentence(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'unrecognized_keys':
      return 'has a field that is not known here';
    case 'too_small':
      return `must ${sizeVerb(issue.origin)} at least ${issue.minimum}${sizeNoun(issue.origin)}`;
    case 'too_big':
      return `must ${sizeVerb(issue.origin)} at most ${issue.maximum}${sizeNoun(issue.origin)}`;
    default:
      return 'is not valid';
  }
}

function sizeVerb(origin: string): string {
  return origin === 'string' || origin === 'array' ? 'have' : 'be';
}

function sizeNoun(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

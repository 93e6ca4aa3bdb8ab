// Reads a JSON body: bounded while it streams in, strict about its encoding, parsed once. What it says is exactly what
// is validated, stored and compared afterwards.
import type { Refusal } from '@holdfast/contract/problems';
import type { Answer } from '../reservations/reservations.ts';

// A byte order mark is kept, and JSON does not allow it; bytes that are not UTF-8 throw.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const JSON_TYPE = /^application\/json *(?:; *charset *= *"?utf-8"? *)?$/i;

const NO_BODY: Answer<undefined> = { ok: true, value: undefined };
const NOT_UTF8 = invalid('must be UTF-8');
const NOT_JSON = invalid('must be JSON');

const UNSUPPORTED: Answer<never> = {
  ok: false,
  refusal: {
    code: 'unsupported-media-type',
    detail: 'Send JSON in UTF-8, not compressed, with `Content-Type: application/json`.',
  },
};

function tooLarge(limitBytes: number): Answer<never> {
  return { ok: false, refusal: { code: 'body-too-large', detail: `Send at most ${limitBytes} bytes.` } };
}

function invalid(message: string): Answer<never> {
  const refusal: Refusal = {
    code: 'invalid-request',
    detail: 'The body could not be read. Send one JSON value in UTF-8.',
    errors: [{ path: '', message }],
  };
  return { ok: false, refusal };
}

/** The body's text; undefined if the request has none. Refuses with 413, 415 and 400, in this order. */
export async function readText(request: Request, limitBytes: number): Promise<Answer<string | undefined>> {
  const { headers } = request;
  const declared = headers.get('content-length');
  // The server passes on exactly as many bytes as were declared; without a declaration they are counted.
  if (declared === '0' || (declared === null && request.body === null)) return NO_BODY;
  if (declared !== null && Number(declared) > limitBytes) return tooLarge(limitBytes);
  if (!isPlainJson(headers)) return UNSUPPORTED;

  let bytes: Uint8Array | undefined;
  try {
    bytes = declared === null ? await readBounded(request, limitBytes) : await request.bytes();
  } catch {
    return invalid('ended before it was complete');
  }
  if (bytes === undefined || bytes.byteLength > limitBytes) return tooLarge(limitBytes);
  if (bytes.byteLength === 0) return NO_BODY;
  try {
    return { ok: true, value: utf8.decode(bytes) };
  } catch {
    return NOT_UTF8;
  }
}

/** What the text of a body says. */
export function parseJson(text: string): Answer<unknown> {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    // A syntax error, or nesting deeper than the parser follows.
    return NOT_JSON;
  }
}

function isPlainJson(headers: Headers): boolean {
  const type = headers.get('content-type');
  if (type === null || (type !== 'application/json' && !JSON_TYPE.test(type))) return false;
  const encoding = headers.get('content-encoding');
  return encoding === null || encoding.toLowerCase() === 'identity';
}

/** Undefined as soon as more than `limitBytes` have come: the rest is not read. */
async function readBounded(request: Request, limitBytes: number): Promise<Uint8Array | undefined> {
  const stream: ReadableStream<Uint8Array> | null = request.body;
  if (stream === null) return new Uint8Array();
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    length += chunk.value.byteLength;
    if (length > limitBytes) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(chunk.value);
  }
  return Buffer.concat(chunks, length);
}

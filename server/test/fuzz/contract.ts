// The published document as a judge: which operation a request meets, whether the request fits its schemas, and
// whether an answer is one that the document lists. It reads openapi.json and nothing else, as a client would.
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** The part of JSON Schema (2020-12) that the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean' | 'null';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
  readonly not?: { readonly const: unknown };
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Response {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly content: Readonly<
    Record<string, { schema: Schema; examples?: Readonly<Record<string, unknown>> }>
  >;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
}

interface OperationObject {
  readonly operationId: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { required: boolean; content: { 'application/json': { schema: Schema } } };
  readonly responses: Readonly<Record<string, Response | { $ref: string }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, Response>>;
  };
}

/** One way to answer: its status, its schema, the codes if it is a problem. */
export interface Answerable {
  readonly mediaType: string;
  /** The same as a file, for who asks for one. */
  readonly fileTypes: readonly string[];
  readonly headers: readonly string[];
  /** Problem codes; empty for a success. */
  readonly codes: ReadonlySet<string>;
  /** Refuses members that the schema does not name. */
  readonly validate: ValidateFunction;
}

export interface Described {
  readonly id: string;
  readonly method: string;
  /** Template. */
  readonly path: string;
  readonly access: 'public' | 'customer' | 'operator';
  readonly parameters: readonly (Parameter & { readonly validate: ValidateFunction })[];
  readonly body: {
    readonly required: boolean;
    readonly schema: Schema;
    readonly validate: ValidateFunction;
  } | null;
  /** By status. */
  readonly answers: ReadonlyMap<number, Answerable>;
}

const text = readFileSync(new URL('../../../contract/openapi.json', import.meta.url), 'utf8');
const document = JSON.parse(text) as Document;

/** @throws on a reference that is none of ours. */
export function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const target = document.components.schemas[schema.$ref.replace('#/components/schemas/', '')];
  if (!target) throw new Error(`no schema ${schema.$ref}`);
  return resolve(target);
}

// Two judges: requests are held against the schemas as they are, answers against schemas that name every member.
const asWritten = judge(document.components.schemas);
const closed = judge(close(document.components.schemas) as Document['components']['schemas']);

function judge(schemas: Document['components']['schemas']): Ajv2020 {
  const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'holdfast:', components: { schemas } });
  return ajv.addVocabulary(['components']);
}

/** Objects that say nothing about further members take none. */
function close(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(close);
  if (typeof node !== 'object' || node === null) return node;
  const members = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, close(value)]));
  const isOpenObject =
    members.type === 'object' && members.properties && !('additionalProperties' in members);
  return isOpenObject ? { ...members, additionalProperties: false } : members;
}

function compile(ajv: Ajv2020, schema: Schema): ValidateFunction {
  const absolute = JSON.stringify(schema).replaceAll('"#/components/', '"holdfast:#/components/');
  return ajv.compile(JSON.parse(absolute));
}

export const OPERATIONS: readonly Described[] = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => describe(path, method.toUpperCase(), operation)),
);

function describe(path: string, method: string, operation: OperationObject): Described {
  const scheme = Object.keys(operation.security[0] ?? {})[0];
  const body = operation.requestBody;
  const schema = body?.content['application/json'].schema;
  return {
    id: operation.operationId,
    method,
    path,
    access: scheme === 'operator' ? 'operator' : scheme === undefined ? 'public' : 'customer',
    parameters: (operation.parameters ?? []).map((parameter) => ({
      ...parameter,
      validate: compile(asWritten, parameter.schema),
    })),
    body: body && schema ? { required: body.required, schema, validate: compile(asWritten, schema) } : null,
    answers: new Map(
      Object.entries(operation.responses).map(([status, response]) => [Number(status), answerable(response)]),
    ),
  };
}

function answerable(response: Response | { readonly $ref: string }): Answerable {
  const { headers, content } = '$ref' in response ? responseAt(response.$ref) : response;
  const [[mediaType, media] = [], ...others] = Object.entries(content);
  if (mediaType === undefined || media === undefined) throw new Error('a response without content');
  return {
    mediaType,
    fileTypes: others.map(([type]) => type),
    headers: Object.keys(headers),
    codes: new Set(Object.keys(media.examples ?? {})),
    validate: compile(closed, close(media.schema) as Schema),
  };
}

function responseAt(reference: string): Response {
  const target = document.components.responses[reference.replace('#/components/responses/', '')];
  if (!target) throw new Error(`no response ${reference}`);
  return target;
}

/** Pages for people, beside the document. */
const PAGES: readonly string[] = ['/docs', '/docs.css'];
const APP_PAGE =
  /^\/(?:sales\/[a-z0-9][a-z0-9-]{0,63}|orders(?:\/ord_[A-Za-z0-9_-]{22})?|console(?:\/[A-Za-z0-9_/-]*)?)?$/;

/** What a request line meets. */
export type Met =
  | { readonly kind: 'operation'; readonly operation: Described; readonly id: string }
  | { readonly kind: 'other-method'; readonly here: readonly Described[] }
  | { readonly kind: 'page' | 'app-page' }
  | { readonly kind: 'nothing' };

export function meet(method: string, target: string): Met {
  // The server resolves dot segments, as the URL standard says; nothing is decoded.
  const path = new URL(`http://shop.test${target}`).pathname;
  if (PAGES.includes(path)) return { kind: 'page' };
  if (APP_PAGE.test(path)) return { kind: 'app-page' };
  const here = OPERATIONS.filter((operation) => operation.path === path);
  const matching =
    here.length > 0 ? here : OPERATIONS.filter((operation) => idIn(operation.path, path) !== undefined);
  if (matching.length === 0) return { kind: 'nothing' };
  const asked = method === 'HEAD' ? 'GET' : method;
  const operation = matching.find((candidate) => candidate.method === asked);
  if (!operation) return { kind: 'other-method', here: matching };
  return { kind: 'operation', operation, id: idIn(operation.path, path) ?? '' };
}

function idIn(template: string, path: string): string | undefined {
  if (!template.includes('{')) return undefined;
  return new RegExp(`^${template.replace(/\{\w+\}/, '([^/]+)')}$`).exec(path)?.[1];
}

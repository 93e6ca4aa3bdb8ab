// The published document as the documentation reads it: nothing but openapi.json, with its references followed. What
// a page shows is therefore what any client could have read.

/** The part of JSON Schema that the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface Media {
  readonly schema: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, unknown>>;
}

interface Header {
  readonly description: string;
  readonly schema: Schema;
}

interface Reference {
  readonly $ref: string;
}

interface Response {
  readonly description: string;
  readonly headers: Readonly<Record<string, Header | Reference>>;
  readonly content: Readonly<Record<string, Media>>;
}

interface PublishedOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly 'x-rate-limit': 'reserve' | 'requests' | 'none';
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly 'x-max-bytes': number;
    readonly content: Readonly<Record<string, Media>>;
  };
  readonly responses: Readonly<Record<string, Response | Reference>>;
}

export interface PublishedProblem {
  readonly status: number;
  readonly title: string;
  readonly advice: string;
}

interface Published {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, PublishedOperation>>>>;
  readonly 'x-problems': Readonly<Record<string, PublishedProblem>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
  };
}

export interface Success {
  readonly status: string;
  readonly description: string;
  readonly mediaType: string;
  readonly schema: Schema;
  readonly example: unknown;
  readonly headers: readonly { readonly name: string; readonly description: string }[];
}

export interface DocumentedOperation {
  readonly id: string;
  readonly tag: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly access: 'public' | 'customer' | 'operator';
  readonly limit: 'reserve' | 'requests' | 'none';
  readonly parameters: readonly Parameter[];
  readonly body: {
    readonly required: boolean;
    readonly maxBytes: number;
    readonly schema: Schema;
  } | null;
  readonly successes: readonly Success[];
  /** Codes of the refusals, by ascending status. */
  readonly problems: readonly string[];
}

export interface ApiDocument {
  readonly title: string;
  readonly version: string;
  readonly description: string;
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly operations: readonly DocumentedOperation[];
  readonly problems: Readonly<Record<string, PublishedProblem>>;
  /** Of a problem: its example, if an operation answers it. */
  exampleOf(code: string): unknown;
  /** Follows a schema's reference; what stands beside the reference wins. */
  resolve(schema: Schema): Schema;
}

/** @throws if the document has a reference that leads nowhere */
export function readDocument(text: string): ApiDocument {
  const published = JSON.parse(text) as Published;

  const resolve = (schema: Schema): Schema => {
    const { $ref, ...beside } = schema;
    return $ref === undefined ? schema : { ...resolve(target<Schema>(published, $ref)), ...beside };
  };
  const follow = <T extends object>(node: T | Reference): T =>
    '$ref' in node ? target<T>(published, node.$ref) : node;

  const operations = Object.entries(published.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => documented(path, method, operation, follow)),
  );
  return {
    ...published.info,
    tags: published.tags,
    operations,
    problems: published['x-problems'],
    exampleOf: (code) => published.components.examples[code]?.value,
    resolve,
  };
}

function target<T>(published: Published, reference: string): T {
  const found = reference
    .replace('#/', '')
    .split('/')
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], published);
  if (found === undefined) throw new Error(`openapi.json has nothing at ${reference}`);
  return found as T;
}

type Follow = <T extends object>(node: T | Reference) => T;

function documented(
  path: string,
  method: string,
  operation: PublishedOperation,
  follow: Follow,
): DocumentedOperation {
  const scheme = Object.keys(operation.security[0] ?? {})[0];
  const schema = operation.requestBody?.content['application/json']?.schema;
  const responses = Object.entries(operation.responses).map(
    ([status, response]) => [status, follow(response)] as const,
  );
  return {
    id: operation.operationId,
    tag: operation.tags[0] ?? '',
    method: method.toUpperCase(),
    path,
    summary: operation.summary,
    description: operation.description ?? '',
    access: scheme === 'operator' ? 'operator' : scheme === undefined ? 'public' : 'customer',
    limit: operation['x-rate-limit'],
    parameters: operation.parameters ?? [],
    body:
      operation.requestBody && schema
        ? {
            required: operation.requestBody.required,
            maxBytes: operation.requestBody['x-max-bytes'],
            schema,
          }
        : null,
    successes: responses
      .filter(([status]) => isSuccess(status))
      .map(([status, response]) => successOf(status, response, follow)),
    problems: responses
      .filter(([status]) => !isSuccess(status))
      .flatMap(([, { content }]) =>
        Object.values(content).flatMap(({ examples }) => Object.keys(examples ?? {})),
      ),
  };
}

/** A WebSocket is a success without a 2xx: 101. */
function isSuccess(status: string): boolean {
  return status.startsWith('2') || status === '101';
}

function successOf(status: string, response: Response, follow: Follow): Success {
  const [[mediaType, media] = []] = Object.entries(response.content);
  if (mediaType === undefined || media === undefined) throw new Error('a success without content');
  return {
    status,
    description: response.description,
    mediaType,
    schema: media.schema,
    example: media.example,
    headers: Object.entries(response.headers).map(([name, header]) => ({
      name,
      description: follow(header).description,
    })),
  };
}

// The OpenAPI 3.1 document, made from the operations. It is written to contract/openapi.json by `npm run
// generate`, committed, and compared in the checks: what is published is what the routes are made of.
import * as z from 'zod';
import { version } from '../package.json';
import { AuditEntry, AuditPage } from './admin-audit.ts';
import { OperatorOrder, OperatorOrderPage } from './admin-orders.ts';
import {
  OperatorReservation,
  OperatorReservationPage,
  ReleaseForCustomerBody,
  ReservationHistory,
} from './admin-reservations.ts';
import { Analytics, AnalyticsPoint } from './analytics.ts';
import { Token, TokenBody } from './auth.ts';
import { Item, ItemPage } from './inventory.ts';
import { LiveBeat, LiveMessage } from './live.ts';
import { bodyLimitBytes, OPERATOR_SCOPE, type Operation, problemsOf } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { ConfirmBody, Order, OrderLine, OrderPage } from './orders.ts';
import { PROBLEM_ADVICE } from './problem-advice.ts';
import { PROBLEM_MEDIA_TYPE, Problem } from './problem-body.ts';
import { PROBLEM_BASE, PROBLEMS, type ProblemCode } from './problems.ts';
import { Health, Readiness } from './process.ts';
import { RaceBody, RaceLine, RaceVerdict } from './race.ts';
import { Difference, ReconcileReport } from './reconcile.ts';
import { Line, Reservation, ReservationPage, ReserveBody } from './reservations.ts';
import { AddItemsBody, ChangeSaleBody, CreateSaleBody, NewItem, Sale, SaleItem, SalePage } from './sales.ts';
import { Status } from './status.ts';
import { IdempotencyKey, Money, MoneyTotal, Sku } from './vocabulary.ts';

/** Schemas with a name of their own under #/components/schemas. */
const NAMED: Readonly<Record<string, z.ZodType>> = {
  AddItemsBody,
  Analytics,
  AnalyticsPoint,
  AuditEntry,
  AuditPage,
  ChangeSaleBody,
  ConfirmBody,
  CreateSaleBody,
  Difference,
  Health,
  Item,
  ItemPage,
  Line,
  LiveBeat,
  LiveMessage,
  Money,
  MoneyTotal,
  NewItem,
  OperatorOrder,
  OperatorOrderPage,
  OperatorReservation,
  OperatorReservationPage,
  Order,
  OrderLine,
  OrderPage,
  Problem,
  RaceBody,
  RaceLine,
  RaceVerdict,
  Readiness,
  ReconcileReport,
  ReleaseForCustomerBody,
  Reservation,
  ReservationHistory,
  ReservationPage,
  ReserveBody,
  Sale,
  SaleItem,
  SalePage,
  Sku,
  Status,
  Token,
  TokenBody,
};

const INFO = `Holdfast answers one question, very fast and never wrongly: may this customer have this unit for the next few minutes?

Errors are \`${PROBLEM_MEDIA_TYPE}\` (RFC 9457); \`code\` says which. Unknown body fields and wrong types are refused. Every response carries \`X-Request-Id\`. A known path with another method is 405 with \`Allow\`, an unknown one 404. Fields may be added to answers: ignore those you do not know.`;

/** In the order the documentation shows them. */
const TAGS: Readonly<Record<Operation['tag'], string>> = {
  Reservations: 'May this customer have these units for the next few minutes? And what became of the answer.',
  Orders: 'What a confirmed reservation becomes: durable once it is answered.',
  Inventory: 'Items and what is left of them: available + reserved + sold = total.',
  Live: 'The same without asking again: stock as it changes, and what becomes of your own reservations.',
  Sales: 'What is on sale, and from when to when.',
  Access: 'Tokens for trying it out. A shop brings its own identity provider.',
  Operators: `What the people behind the sale do. Needs a token with the scope \`${OPERATOR_SCOPE}\`.`,
  Process: 'Is the service alive, may it take traffic, what does it promise?',
};

const EXAMPLE_REQUEST_ID = 'b5f0c8de-6c0e-4a56-9a43-1d0f1f6f7a55';

/** What the example of a problem carries beyond the members that all have. */
const EXAMPLE_MEMBERS: Partial<Record<ProblemCode, Partial<Problem>>> = {
  'invalid-request': { errors: [{ path: '/quantity', message: 'must be at least 1' }] },
  'insufficient-stock': { available: 0, reserved: 3, may_return: true, waitlist_open: false },
  'limit-exceeded': { limit: 2, held: 2 },
};

const HEADERS: Readonly<Record<string, { description: string; schema: object }>> = {
  'X-Request-Id': {
    description: "The caller's, if it is 1–64 of A–Z, a–z, 0–9, _ and -; else a new one.",
    schema: { type: 'string' },
  },
  'Idempotency-Replayed': {
    description: '`true` if this is the answer first given to an earlier request.',
    schema: { const: 'true' },
  },
  'Retry-After': {
    description: 'Seconds until a retry can succeed.',
    schema: { type: 'integer', minimum: 1 },
  },
  RateLimit: { description: 'What is left of the window: `"reserve";r=0;t=37`.', schema: { type: 'string' } },
  'RateLimit-Policy': { description: 'The window: `"reserve";q=10;w=60`.', schema: { type: 'string' } },
  Upgrade: { description: 'What to ask for: `websocket`.', schema: { const: 'websocket' } },
  'WWW-Authenticate': { description: 'The scheme to use: `Bearer`.', schema: { type: 'string' } },
};

/** Headers that a problem response of a status carries beside X-Request-Id. */
const PROBLEM_HEADERS: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  426: ['Upgrade'],
  429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  503: ['Retry-After'],
};

/** The document as the text of contract/openapi.json: the same for the same contract, to the byte. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}

function openApiDocument(): object {
  return {
    openapi: '3.1.1',
    info: { title: 'Holdfast', version, description: INFO, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: paths(),
    'x-problems': problemCatalogue(),
    components: {
      schemas: render({}),
      responses: problemResponses(),
      headers: HEADERS,
      examples: problemExamples(),
      securitySchemes: {
        customer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The customer is `sub`.',
        },
        operator: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `A token whose \`scope\` includes \`${OPERATOR_SCOPE}\`.`,
        },
      },
    },
  };
}

function paths(): Record<string, Record<string, object>> {
  const result: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    result[operation.path] = {
      ...result[operation.path],
      [operation.method.toLowerCase()]: describe(operation),
    };
  }
  return result;
}

function describe(operation: Operation): object {
  const { success } = operation;
  const replayed = operation.idempotencyKey ? ['Idempotency-Replayed'] : [];
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description && { description: operation.description }),
    'x-rate-limit': operation.limit,
    security: operation.access === 'public' ? [] : [{ [operation.access]: [] }],
    ...parametersOf(operation),
    ...(operation.body && {
      requestBody: {
        required: operation.body.optional !== true,
        'x-max-bytes': bodyLimitBytes(operation),
        content: { 'application/json': { schema: schemaOf(operation.body.schema) } },
      },
    }),
    responses: {
      [success.status]: {
        description: success.description,
        headers: headerRefs('X-Request-Id', ...replayed),
        content: {
          [success.streamType ?? success.textType ?? 'application/json']: {
            schema: schemaOf(success.schema),
            ...(success.example && { example: success.example }),
          },
          ...(success.fileType && { [success.fileType]: { schema: { type: 'string' } } }),
        },
      },
      ...problemRefs(operation),
    },
  };
}

function parametersOf({ pathId, query, idempotencyKey }: Operation): { parameters?: object[] } {
  const parameters: object[] = [];
  if (pathId)
    parameters.push({ name: pathId.name, in: 'path', required: true, schema: schemaOf(pathId.schema) });
  for (const [name, schema] of Object.entries(query?.shape ?? {})) {
    parameters.push({ name, in: 'query', required: false, schema: schemaOf(schema as z.ZodType) });
  }
  if (idempotencyKey) {
    const description =
      'The same key and body: one effect, one answer. `X-Idempotency-Key` is understood as well.';
    const schema = schemaOf(IdempotencyKey);
    parameters.push({ name: 'Idempotency-Key', in: 'header', required: true, description, schema });
  }
  return parameters.length > 0 ? { parameters } : {};
}

/** One response a status, by reference: most operations share most of them. */
function problemRefs(operation: Operation): Record<string, object> {
  const refs = problemGroups(operation).map(({ status, codes }) => [
    status,
    { $ref: `#/components/responses/${codes.join('.')}` },
  ]);
  return Object.fromEntries(refs);
}

/** The problem responses of all operations, named after the codes that each can carry. */
function problemResponses(): Record<string, object> {
  const responses: Record<string, object> = {};
  for (const { status, codes } of OPERATIONS.flatMap(problemGroups)) {
    const examples = Object.fromEntries(
      codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]),
    );
    responses[codes.join('.')] = {
      description: codes
        .map((code) => `\`${code}\`: ${PROBLEMS[code].title}. ${PROBLEM_ADVICE[code]}`)
        .join('\n\n'),
      headers: headerRefs('X-Request-Id', ...(PROBLEM_HEADERS[status] ?? [])),
      content: { [PROBLEM_MEDIA_TYPE]: { schema: schemaOf(Problem), examples } },
    };
  }
  return Object.fromEntries(Object.entries(responses).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Every code with what to do about it, those that any path can answer (404, 405) included. */
function problemCatalogue(): Record<string, object> {
  const codes = Object.keys(PROBLEMS) as ProblemCode[];
  return Object.fromEntries(codes.map((code) => [code, { ...PROBLEMS[code], advice: PROBLEM_ADVICE[code] }]));
}

/** The operation's problem codes by status, both in ascending order. */
function problemGroups(operation: Operation): { status: number; codes: ProblemCode[] }[] {
  const codesByStatus = new Map<number, ProblemCode[]>();
  for (const code of [...problemsOf(operation)].sort()) {
    const { status } = PROBLEMS[code];
    codesByStatus.set(status, [...(codesByStatus.get(status) ?? []), code]);
  }
  return [...codesByStatus].sort(([a], [b]) => a - b).map(([status, codes]) => ({ status, codes }));
}

/** One a code that an operation answers; 404 and 405 of the paths themselves belong to none, the text above names them. */
function problemExamples(): Record<string, object> {
  const answered = new Set(OPERATIONS.flatMap((operation) => [...problemsOf(operation)]));
  const examples: Record<string, object> = {};
  for (const [code, { status, title }] of Object.entries(PROBLEMS) as [
    ProblemCode,
    { status: number; title: string },
  ][]) {
    if (!answered.has(code)) continue;
    const detail = `${title}.`;
    const common = { type: PROBLEM_BASE + code, title, status, detail, code, request_id: EXAMPLE_REQUEST_ID };
    examples[code] = { value: { ...common, ...EXAMPLE_MEMBERS[code] } };
  }
  return examples;
}

function headerRefs(...names: string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

const REF_BASE = '#/components/schemas/';
const nameOf = new Map(Object.entries(NAMED).map(([name, schema]) => [schema, name]));

/** A reference for a named schema, else the schema itself, with references inside. */
function schemaOf(schema: z.ZodType): object {
  const name = nameOf.get(schema);
  return name ? { $ref: REF_BASE + name } : (render({ anonymous: schema }).anonymous ?? {});
}

/** JSON Schema (2020-12, which is OpenAPI 3.1's) of the named schemas and `more`, all by reference. */
function render(more: Readonly<Record<string, z.ZodType>>): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries({ ...NAMED, ...more })) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: (id) => REF_BASE + id });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _dialect, $id: _uri, ...schema }]) => [id, schema]),
  );
}

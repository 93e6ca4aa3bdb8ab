// One operation of the document as a section of the page: on the left what it is, on the right what to type.
import type { ApiDocument, DocumentedOperation, Parameter, Success } from './docs-document.ts';
import { exampleFor } from './docs-example.ts';
import { parameterTable, schemaTables } from './docs-schema.ts';
import { escapeHtml, inlineHtml, jsonHtml, paragraphs } from './html.ts';

const ACCESS: Readonly<Record<DocumentedOperation['access'], string>> = {
  public: 'Everyone, without a token',
  customer: '<a href="#access">Customer token</a>',
  operator: '<a href="#access">Operator token</a>',
};

const LIMITS: Readonly<Record<DocumentedOperation['limit'], string>> = {
  reserve: '<a href="#rate-limits"><code>reserve</code> window</a>',
  requests: '<a href="#rate-limits"><code>requests</code> window</a>',
  none: 'Not counted',
};

export function operationSection(operation: DocumentedOperation, document: ApiDocument): string {
  const { id, summary, description } = operation;
  return `<article class="operation" id="${escapeHtml(id)}" aria-labelledby="${escapeHtml(id)}-title">
<div class="about">
<h3 id="${escapeHtml(id)}-title"><a href="#${escapeHtml(id)}">${escapeHtml(summary)}</a></h3>
<p class="route">${methodTag(operation.method)} ${pathHtml(operation.path)}</p>
${description && paragraphs(description)}
${factList(operation)}
${parameters(operation, document)}
${body(operation, document)}
${operation.successes.map((success) => answer(success, document)).join('\n')}
${refusals(operation, document)}
</div>
<div class="samples">
${[sample('Request', curlHtml(operation, document)), ...otherBodies(operation, document)].join('\n')}
${operation.successes.map((success) => sample(`Answer ${success.status}`, jsonHtml(exampleOf(success, document)))).join('\n')}
</div>
</article>`;
}

export function methodTag(method: string): string {
  return `<span class="method ${method.toLowerCase()}">${escapeHtml(method)}</span>`;
}

/** A path that may break at its slashes, its parameters set apart. */
export function pathHtml(path: string): string {
  const marked = escapeHtml(path)
    .replaceAll('/', '<wbr>/')
    .replace(/\{\w+\}/g, '<var>$&</var>');
  return `<code class="path">${marked}</code>`;
}

function factList({ id, access, limit, body }: DocumentedOperation): string {
  const facts = [
    ['Who may call', ACCESS[access]],
    ['Rate limit', LIMITS[limit]],
    ['Body', body ? `JSON, at most ${body.maxBytes / 1024} KiB${body.required ? '' : ', optional'}` : 'None'],
    ['Name', `<code>${escapeHtml(id)}</code>`],
  ];
  return `<dl class="terms">${facts.map(([term, text]) => `<div><dt>${term}</dt><dd>${text}</dd></div>`).join('')}</dl>`;
}

function parameters(operation: DocumentedOperation, document: ApiDocument): string {
  const inPlace = (where: Parameter['in']) => operation.parameters.filter((one) => one.in === where);
  const groups: [string, string, readonly Parameter[]][] = [
    ['Path', 'Parameter', inPlace('path')],
    ['Query', 'Parameter', inPlace('query')],
    ['Headers', 'Header', [...impliedHeaders(operation), ...inPlace('header')]],
  ];
  return groups
    .filter(([, , list]) => list.length > 0)
    .map(([title, heading, list]) => `<h4>${title}</h4>\n${parameterTable(heading, list, document)}`)
    .join('\n');
}

/** Headers that OpenAPI wants said by `security` and by the body's media type, not as parameters. */
function impliedHeaders({ access, body }: DocumentedOperation): Parameter[] {
  const common = { in: 'header', schema: { type: 'string' } } as const;
  const headers: Parameter[] = [];
  if (access !== 'public') {
    const description =
      access === 'operator'
        ? '`Bearer` and a token whose `scope` includes `holdfast:operator`.'
        : '`Bearer` and an access token; its `sub` is the customer.';
    headers.push({ ...common, name: 'Authorization', required: true, description });
  }
  if (body) {
    headers.push({
      ...common,
      name: 'Content-Type',
      required: body.required,
      description: '`application/json`',
    });
  }
  return headers;
}

function body({ body }: DocumentedOperation, document: ApiDocument): string {
  if (!body) return '';
  const { description } = document.resolve(body.schema);
  return `<h4>Body</h4>
${description ? paragraphs(description) : ''}
${schemaTables(body.schema, document, true)}`;
}

function answer(success: Success, document: ApiDocument): string {
  const { status, description, mediaType, headers, schema } = success;
  const rows = headers.map(
    (header) =>
      `<tr><th scope="row"><code>${escapeHtml(header.name)}</code></th><td><p>${inlineHtml(header.description)}</p></td></tr>`,
  );
  return `<h4>Answer</h4>
<p><span class="status good">${escapeHtml(status)}</span> ${inlineHtml(description)} <code>${escapeHtml(mediaType)}</code></p>
<details>
<summary>Fields and headers of the answer</summary>
${schemaTables(schema, document, false)}
<table class="fields">
<thead><tr><th scope="col">Header</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</details>`;
}

function refusals({ problems }: DocumentedOperation, document: ApiDocument): string {
  const rows = problems.map((code) => {
    const { status, title, advice } = document.problems[code] ?? { status: 0, title: '', advice: '' };
    return `<tr><td><span class="status bad">${status}</span></td>
<th scope="row"><a href="#problem-${escapeHtml(code)}"><code>${escapeHtml(code)}</code></a></th>
<td><p>${escapeHtml(title)}.</p><p class="advice">${inlineHtml(advice)}</p></td></tr>`;
  });
  return `<h4>Refusals</h4>
<table class="refusals">
<thead><tr><th scope="col">Status</th><th scope="col">Code</th><th scope="col">What to do</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

export function sample(title: string, html: string): string {
  return `<figure><figcaption>${escapeHtml(title)}</figcaption><pre>${html}</pre></figure>`;
}

function exampleOf({ schema, example }: Success, document: ApiDocument): unknown {
  return example ?? exampleFor(schema, document);
}

/** On one line while it is short; line breaks are fine inside quotes. */
function shellJson(value: unknown): string {
  const short = JSON.stringify(value);
  return short.length <= 48 ? short : JSON.stringify(value, null, 2);
}

/** Examples of a body beyond the one in the request: the other forms it may have. */
function otherBodies({ body }: DocumentedOperation, document: ApiDocument): string[] {
  const examples = body ? (document.resolve(body.schema).examples ?? []) : [];
  return examples.slice(1).map((example) => sample('Another body', jsonHtml(example)));
}

/** A line for the shell; $URL and the tokens are set at the top of the page. */
function curlHtml(operation: DocumentedOperation, document: ApiDocument): string {
  const { method, access, body } = operation;
  const path = operation.path.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const parameter = operation.parameters.find((one) => one.name === name);
    return parameter ? String(exampleFor(parameter.schema, document)) : whole;
  });
  const verb = method === 'GET' || body ? '' : ` -X ${method}`;
  const lines = [`curl -s${verb} "$URL${path}"`];
  if (access !== 'public')
    lines.push(`-H "Authorization: Bearer $${access === 'operator' ? 'OPERATOR' : 'TOKEN'}"`);
  if (operation.parameters.some(({ name }) => name === 'Idempotency-Key')) {
    lines.push('-H "Idempotency-Key: $(date +%s)-$RANDOM"');
  }
  if (body) {
    lines.push("-H 'Content-Type: application/json'");
    const json = shellJson(exampleFor(body.schema, document));
    lines.push(`-d '${json.replaceAll("'", "'\\''")}'`);
  }
  return escapeHtml(lines.join(' \\\n  '));
}

// A schema as a table that can be read: one row a field, nested ones under the field they belong to.
import type { ApiDocument, Parameter, Schema } from './docs-document.ts';
import { escapeHtml, inlineHtml } from './html.ts';

interface Row {
  /** Where the field lies: `items[].` for the fields of an array's entries. */
  readonly prefix: string;
  readonly name: string;
  readonly required: boolean;
  readonly schema: Schema;
}

/** Nothing in the contract nests deeper; a schema that contained itself would. */
const MAX_DEPTH = 6;

/** One table; one a variant where the schema is a choice. `marked` says which fields must be there. */
export function schemaTables(schema: Schema, document: ApiDocument, marked: boolean): string {
  const whole = document.resolve(schema);
  const variants = whole.anyOf?.map(document.resolve) ?? [whole];
  return variants
    .map((variant, index) => {
      const caption = variants.length > 1 ? `Form ${index + 1} of ${variants.length}` : '';
      const rows = rowsOf(variant, document, '', 0);
      if (rows.length === 0) return `<p>${inlineHtml(typeOf(variant, document))}</p>`;
      return table(
        'Field',
        caption,
        rows.map((row) => line(row, document, marked)),
      );
    })
    .join('\n');
}

export function parameterTable(
  heading: string,
  parameters: readonly Parameter[],
  document: ApiDocument,
): string {
  const rows = parameters.map(({ name, required, description, schema }) => {
    const more = description === undefined ? schema : { ...document.resolve(schema), description };
    return line({ prefix: '', name, required, schema: more }, document, true);
  });
  return table(heading, '', rows);
}

function table(heading: string, caption: string, rows: readonly string[]): string {
  return `<table class="fields">
${caption && `<caption>${escapeHtml(caption)}</caption>`}
<thead><tr><th scope="col">${heading}</th><th scope="col">Meaning and limits</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

function rowsOf(schema: Schema, document: ApiDocument, prefix: string, depth: number): Row[] {
  if (depth > MAX_DEPTH) return [];
  const fields = Object.entries(schema.properties ?? {});
  return fields.flatMap(([name, part]) => {
    const whole = document.resolve(part);
    const own: Row = { prefix, name, required: schema.required?.includes(name) ?? false, schema: whole };
    const entry = whole.items && document.resolve(whole.items);
    const inner = entry?.properties
      ? rowsOf(entry, document, `${prefix}${name}[].`, depth + 1)
      : rowsOf(whole, document, `${prefix}${name}.`, depth + 1);
    return [own, ...inner];
  });
}

function line({ prefix, name, required, schema }: Row, document: ApiDocument, marked: boolean): string {
  const whole = document.resolve(schema);
  const presence = presenceOf(required, marked);
  const meaning = whole.description ? `<p>${inlineHtml(whole.description)}</p>` : '';
  const nested = prefix === '' ? '' : ' class="nested"';
  return `<tr${nested}><th scope="row"><code>${prefix && `<span class="prefix">${escapeHtml(prefix)}</span><wbr>`}${escapeHtml(name)}</code>
<span class="type">${escapeHtml(typeOf(whole, document))}</span>${presence}</th>
<td>${meaning}${limitsOf(whole, document)}</td></tr>`;
}

/** Of a request every field says whether it must be there; of an answer only those that may be missing. */
function presenceOf(required: boolean, marked: boolean): string {
  if (!marked) return required ? '' : ' <span class="optional">not always</span>';
  return required ? ' <span class="required">required</span>' : ' <span class="optional">optional</span>';
}

function typeOf(schema: Schema, document: ApiDocument): string {
  const { type, format, items, anyOf } = schema;
  if (anyOf) return anyOf.map((branch) => typeOf(document.resolve(branch), document)).join(' or ');
  if (schema.const !== undefined) return typeof schema.const === 'number' ? 'integer' : typeof schema.const;
  if (items) return `array of ${typeOf(document.resolve(items), document)}s`;
  if (format === 'date-time') return 'date-time';
  return typeof type === 'string' ? type : (type?.join(' or ') ?? 'any');
}

/** What a value must be like, as a list of short facts. */
function limitsOf(schema: Schema, document: ApiDocument): string {
  const branches = schema.anyOf?.map(document.resolve) ?? [schema];
  const facts = branches.flatMap(factsOf);
  if (schema.default !== undefined) facts.push(`default ${code(schema.default)}`);
  return facts.length > 0 ? `<ul class="facts">${facts.map((fact) => `<li>${fact}</li>`).join('')}</ul>` : '';
}

function factsOf(schema: Schema): string[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, pattern } = schema;
  const facts = [
    schema.const !== undefined && `always ${code(schema.const)}`,
    schema.enum && `one of ${schema.enum.map(code).join(' ')}`,
    range(exact(minimum), exact(maximum), ''),
    range(minLength, maxLength, maxLength === 1 ? ' character' : ' characters'),
    range(minItems, maxItems, maxItems === 1 ? ' entry' : ' entries'),
    pattern && `matches <code class="pattern">${escapeHtml(pattern)}</code>`,
  ];
  return facts.filter((fact): fact is string => typeof fact === 'string' && fact !== '');
}

/** The largest integers that JSON numbers keep are no limit worth a word. */
const exact = (bound: number | undefined): number | undefined =>
  bound !== undefined && Math.abs(bound) === Number.MAX_SAFE_INTEGER ? undefined : bound;

function range(from: number | undefined, to: number | undefined, unit: string): string {
  if (from !== undefined && to !== undefined) return `${grouped(from)} to ${grouped(to)}${unit}`;
  if (from !== undefined) return `at least ${grouped(from)}${unit}`;
  return to === undefined ? '' : `at most ${grouped(to)}${unit}`;
}

const grouped = (value: number): string => value.toLocaleString('en-US').replace('-', '−');

const code = (value: unknown): string => `<code>${escapeHtml(String(value))}</code>`;

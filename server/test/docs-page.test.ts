// The documentation page against the document it is made from: whatever is published is there to read, nothing
// is loaded from elsewhere, and it is sound HTML.
import { describe, expect, test } from 'bun:test';
import { PROBLEMS } from '@holdfast/contract/problems';
import { readConfig } from '../src/config.ts';
import { readDocument, type Schema } from '../src/http/docs-document.ts';
import { exampleFor } from '../src/http/docs-example.ts';
import { docsHtml } from '../src/http/docs-page.ts';
import { escapeHtml } from '../src/http/html.ts';
import { OPENAPI_TEXT } from '../src/http/openapi-file.ts';
import { fakeWorld } from './http-fakes.ts';

const document = readDocument(OPENAPI_TEXT);

interface Element {
  readonly tag: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** Every element that a parser finds. */
function elements(html: string): Element[] {
  const found: Element[] = [];
  new HTMLRewriter()
    .on('*', {
      element({ tagName, attributes }) {
        found.push({ tag: tagName, attributes: new Map(attributes) });
      },
    })
    .transform(html);
  return found;
}

const page = docsHtml(OPENAPI_TEXT);
const all = elements(page);
const idsOf = (found: readonly Element[]): string[] =>
  found.flatMap(({ attributes }) => attributes.get('id') ?? []);

/** What a reader sees of the part with this id, up to the next part: its tags taken out. */
function textOf(id: string): string {
  const start = page.indexOf(`<article class="operation" id="${id}"`);
  expect(start, id).toBeGreaterThan(0);
  return page
    .slice(start, page.indexOf('</article>', start))
    .replace(/<[^>]+>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

describe('over HTTP', () => {
  test('the page comes under a policy that allows its stylesheet alone, and HEAD tells its length', async () => {
    const world = fakeWorld();
    const response = await world.send('/docs');
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(text === page).toBe(true);
    const head = await world.send('/docs', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(page)));
    expect(await head.text()).toBe('');
    expect(world.asked).toEqual([]);
  });

  test('the stylesheet loads nothing either', async () => {
    const response = await fakeWorld().send('/docs.css');
    expect(response.headers.get('content-type')).toBe('text/css; charset=utf-8');
    expect(await response.text()).not.toMatch(/url\(|@import|https?:/);
  });

  test('the start page leads to it', async () => {
    expect(await (await fakeWorld().send('/')).text()).toContain('href="/docs"');
  });
});

describe('the page is complete', () => {
  for (const operation of document.operations) {
    test(`${operation.method} ${operation.path}`, () => {
      const text = textOf(operation.id);
      expect(text).toContain(`${operation.method} ${operation.path}`);
      expect(text).toContain(operation.summary);
      for (const paragraph of operation.description.split('\n\n'))
        expect(text).toContain(paragraph.replaceAll('`', ''));
      for (const parameter of operation.parameters) expect(text).toContain(parameter.name);
      for (const schema of [operation.body?.schema, ...operation.successes.map((one) => one.schema)]) {
        if (schema) for (const name of fieldNames(schema)) expect(text).toContain(name);
      }
      for (const { status, description } of operation.successes) {
        expect(text).toContain(`${status} ${description}`);
        expect(text).toContain(`Answer ${status}{`);
      }
      for (const code of operation.problems) {
        const { status, advice } = document.problems[code] ?? { status: 0, advice: '' };
        expect(text).toContain(`${status}\n${code}`);
        expect(text).toContain(advice.replaceAll('`', ''));
      }
      expect(text).toContain(`curl -s${text.includes(' -X ') ? ` -X ${operation.method}` : ''} "$URL/`);
    });
  }

  test('every problem of the catalogue has its place and says what to do', () => {
    expect(Object.keys(document.problems)).toEqual(Object.keys(PROBLEMS));
    for (const [code, { status, title, advice }] of Object.entries(document.problems)) {
      expect(advice, code).toMatch(/^[A-Z].*[.]$/);
      expect(idsOf(all)).toContain(`problem-${code}`);
      expect(page.includes(`<code>${code}</code></a> <span class="status bad">${status}</span>`)).toBe(true);
      expect(page.includes(escapeHtml(`${title}.`))).toBe(true);
    }
  });

  test('the windows are those of the configuration', () => {
    const read = readConfig({});
    if (!read.ok) throw new Error('an empty environment is good');
    const { reserveCustomer, reserveIp, otherCustomer, otherIp } = read.config.ratesPerMinute;
    const text = textOf('rate-limits');
    expect(text).toContain(`${reserveCustomer} a customer and ${reserveIp} an address, in each sale.`);
    expect(text).toContain(`${otherCustomer} a customer and ${otherIp} an address, everything else.`);
  });

  test('the example of every answer and body fits its schema: each required field is there, of its type', () => {
    for (const { id, body, successes } of document.operations) {
      for (const { schema, example } of [...successes, ...(body ? [{ ...body, example: undefined }] : [])])
        expectFits(example ?? exampleFor(schema, document), schema, id);
    }
  });
});

describe('the page is sound', () => {
  test('there is no script, no inline style, no handler, and nothing comes from elsewhere', () => {
    const tags = new Set(all.map(({ tag }) => tag));
    for (const tag of ['script', 'style', 'iframe', 'img', 'object', 'form', 'base', 'svg'])
      expect(tags.has(tag), tag).toBe(false);
    for (const { tag, attributes } of all) {
      for (const [name, value] of attributes) {
        expect(name).not.toMatch(/^on|^style$|^src/);
        if (name === 'href') expect(value, tag).toMatch(/^(#[\w-]+|\/(docs\.css|openapi\.json)?)$/);
      }
    }
  });

  test('every tag is closed, in order', () => {
    const empty = new Set(['meta', 'link', 'wbr']);
    const open: string[] = [];
    for (const [, slash, tag = ''] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
      if (empty.has(tag)) continue;
      if (slash) expect(open.pop()).toBe(tag);
      else open.push(tag);
    }
    expect(open).toEqual([]);
  });

  test('every id is there once, and every anchor and label leads to one', () => {
    const ids = idsOf(all);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    for (const { attributes } of all) {
      const href = attributes.get('href');
      if (href?.startsWith('#')) expect(ids).toContain(href.slice(1));
      const label = attributes.get('aria-labelledby');
      if (label) expect(ids).toContain(label);
    }
  });

  test('headings go down one level at a time, and the landmarks are there', () => {
    const levels = all.flatMap(({ tag }) => (/^h\d$/.test(tag) ? [Number(tag[1])] : []));
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    for (const [index, level] of levels.entries())
      expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1);
    for (const landmark of ['header', 'nav', 'main'])
      expect(all.filter(({ tag }) => tag === landmark)).toHaveLength(1);
    expect(all.find(({ tag }) => tag === 'html')?.attributes.get('lang')).toBe('en');
    expect(all.find(({ tag }) => tag === 'a')?.attributes.get('href')).toBe('#content');
  });

  test('whatever the document says is text, never markup', () => {
    const evil = `<img src=x onerror=alert(1)>"'&\``;
    const hostile = JSON.parse(OPENAPI_TEXT, (key, value) =>
      ['summary', 'description', 'title', 'advice', 'pattern'].includes(key) && typeof value === 'string'
        ? evil
        : value,
    ) as unknown;
    const html = docsHtml(JSON.stringify(hostile));
    expect(html.includes('<img')).toBe(false);
    expect(elements(html).some(({ attributes }) => attributes.has('onerror'))).toBe(false);
  });
});

function fieldNames(schema: Schema): string[] {
  const whole = document.resolve(schema);
  return [
    ...Object.keys(whole.properties ?? {}),
    ...[
      ...Object.values(whole.properties ?? {}),
      ...(whole.anyOf ?? []),
      ...(whole.items ? [whole.items] : []),
    ].flatMap(fieldNames),
  ];
}

function expectFits(value: unknown, schema: Schema, where: string): void {
  const whole = document.resolve(schema);
  if (whole.anyOf) {
    const fits = whole.anyOf.some((branch) => !throws(() => expectFits(value, branch, where)));
    expect(fits, `${where}: one of the forms`).toBe(true);
    return;
  }
  for (const name of whole.required ?? []) expect(value, where).toHaveProperty([name]);
  for (const [name, part] of Object.entries(whole.properties ?? {})) {
    const inner = (value as Record<string, unknown>)[name];
    if (inner !== undefined) expectFits(inner, part, `${where}.${name}`);
  }
  if (whole.items) for (const inner of value as unknown[]) expectFits(inner, whole.items, `${where}[]`);
  if (whole.enum) expect(whole.enum, where).toContain(value);
  if (whole.type === 'integer') expect(Number.isInteger(value), where).toBe(true);
  if (whole.type === 'string') expect(typeof value, where).toBe('string');
}

function throws(run: () => void): boolean {
  try {
    run();
    return false;
  } catch {
    return true;
  }
}

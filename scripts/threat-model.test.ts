// docs/threat-model.md says what stops each threat: the tests and files that it names are there, and each boundary of the drawing has its
// table.
import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dir, '..');
const page = readFileSync(path.join(root, 'docs/threat-model.md'), 'utf8');
const all = ['server/test', 'server/src', 'scripts', 'deploy'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map(
    (file) => `/${folder}/${file}`,
  ),
);

test('every-test-and-file-that-the-page-names-is-there', () => {
  const named = [...page.matchAll(/`([\w./-]+\.(?:ts|yml))`/g)].map(([, name]) => name ?? '');
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((name) => !all.some((file) => file.endsWith(`/${name}`)))).toEqual([]);
});

test('every-link-leads-to-a-file-and-to-a-heading-in-it', () => {
  const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target ?? '');
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) {
    const [file = '', anchor] = link.split('#');
    const place = path.join(root, 'docs', file);
    expect(existsSync(place), link).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(readFileSync(place, 'utf8')), link).toContain(anchor);
  }
});

test('every-boundary-of-the-drawing-has-a-table', () => {
  const drawing = /```mermaid\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const drawn = new Set([...drawing.matchAll(/\|(B\d)/g)].map(([, name]) => name));
  const told = [...page.matchAll(/^### (B\d) /gm)].map(([, name]) => name);
  expect([...drawn].toSorted()).toEqual(told);
});

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

// THIRD-PARTY-NOTICES.txt: the licence texts of what is in the service and in the pages, which most licences ask to be passed on with it.
// Of packages that are on every machine alone, so that the file is the same wherever it is made.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isShipped, type LockedPackage, type Lockfile } from './lockfile.ts';

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

const HEAD = `Holdfast is under the MIT licence (LICENSE). It is given to others together with parts of the packages below, each under the
licence that stands there. What is beside them (Bun's own parts, PostgreSQL, base images): docs/licences.md.
Made by \`npm run generate\`.
`;

/** @param textsAt the licence files of the package at a place; none if it brings none, or is not installed. */
export function noticesText({ packages }: Lockfile, textsAt: (place: string) => readonly string[]): string {
  const listed = packages.filter((one) => isShipped(one) && !one.isOptional);
  const byText = Map.groupBy(listed, ({ place }) => textsAt(place).map(tidy).join('\n\n'));
  const sections = [...byText].map(([text, same]) => {
    const names = same.map(nameOf).toSorted((a, b) => (a < b ? -1 : 1));
    return `${names.join('\n')}\n\n${text || 'The package brings no text of its licence.'}\n`;
  });
  const line = `\n${'-'.repeat(80)}\n\n`;
  return [HEAD, ...sections.toSorted((a, b) => (a < b ? -1 : 1))].join(line);
}

/** As installed in the repository. */
export function installedTexts(root: string, place: string): string[] {
  const folder = path.join(root, place);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => LICENCE_FILE.test(name))
    .toSorted()
    .map((name) => readFileSync(path.join(folder, name), 'utf8'));
}

function nameOf({ name, version, licence }: LockedPackage): string {
  return `${name} ${version} (${licence ?? 'unknown'})`;
}

/** The same text with other line ends or trailing spaces is the same text. */
function tidy(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[ \t]+$/gm, '')
    .trim();
}

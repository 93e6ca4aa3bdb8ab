// Writes the files that are made from the source and committed, so that a change of the promise shows in review.
//
//   npm run generate            writes them
//   npm run generate -- --check fails if one has drifted, and says what to run
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openApiText } from '../contract/src/openapi.ts';
import { dashboardText } from './dashboards/dashboard.ts';
import { DASHBOARDS } from './dashboards/dashboards.ts';
import { licencesText } from './supply/licences.ts';
import { readLockfile } from './supply/lockfile.ts';
import { installedTexts, noticesText } from './supply/notices.ts';

interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  /** The whole file; the same for the same source, to the byte. */
  readonly text: () => string;
}

export const GENERATED_FILES: readonly GeneratedFile[] = [
  { path: 'contract/openapi.json', text: openApiText },
  ...DASHBOARDS.map((dashboard) => ({
    path: `deploy/grafana/dashboards/${dashboard.id}.json`,
    text: () => dashboardText(dashboard),
  })),
  { path: 'docs/licences.md', text: () => licencesText(readLockfile(absolute(''))) },
  {
    path: 'THIRD-PARTY-NOTICES.txt',
    text: () => noticesText(readLockfile(absolute('')), (place) => installedTexts(absolute(''), place)),
  },
];

function absolute(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

/** Paths of the generated files that are missing or differ from what the source makes of them. */
export function driftedFiles(files: readonly GeneratedFile[] = GENERATED_FILES): string[] {
  return files
    .filter(
      ({ path, text }) => !existsSync(absolute(path)) || readFileSync(absolute(path), 'utf8') !== text(),
    )
    .map(({ path }) => path);
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const drifted = driftedFiles();
    for (const path of drifted) console.error(`${path} is not what the source makes of it.`);
    if (drifted.length > 0) console.error('Run `npm run generate` and commit the result.');
    process.exitCode = drifted.length > 0 ? 1 : 0;
  } else {
    for (const { path, text } of GENERATED_FILES) {
      writeFileSync(absolute(path), text());
      console.log(`wrote ${path}`);
    }
  }
}

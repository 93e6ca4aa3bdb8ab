// The bill of materials: CycloneDX 1.5, from package-lock.json alone. `npm sbom` would make one too, but leaves out Bun itself (npm 10 and
// 11: with development packages omitted, one that a workspace also wants for its tests is gone), which is most of what is shipped.
//
// The same lockfile gives the same document to the byte: no time of making, and the serial number is a hash of the content.
import { createHash } from 'node:crypto';
import { isShipped, type LockedPackage, type Lockfile } from './lockfile.ts';

const SPDX_ID = /^[A-Za-z0-9.+-]+$/;

interface Component {
  readonly type: 'library';
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  /** `excluded`: a tool that is given to nobody. */
  readonly scope: 'required' | 'optional' | 'excluded';
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly (
    | { readonly license: { readonly id: string } }
    | { readonly expression: string }
  )[];
  readonly purl: string;
  readonly properties: readonly { readonly name: string; readonly value: string }[];
}

export interface Sbom {
  readonly $schema: string;
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.5';
  readonly serialNumber: string;
  readonly version: 1;
  readonly metadata: object;
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** Of every package that is not for development alone. */
export function sbomOf(lockfile: Lockfile): Sbom {
  const { name, version, licence, direct } = lockfile;
  const packages = lockfile.packages.filter(isProduction);
  const refOf = new Map(packages.map((one) => [one.place, purlOf(one)]));
  const refs = (places: readonly string[]) =>
    [...new Set(places.flatMap((place) => refOf.get(place) ?? []))].toSorted();
  const self = `pkg:npm/${name}@${version}`;
  // A package may be at several places in one version; it is one component, with what it needs at each of them.
  const byRef = Map.groupBy(packages, purlOf);
  const components = [...byRef.values()]
    .map((same) => componentOf(same))
    .toSorted((a, b) => (a.purl < b.purl ? -1 : 1));
  const content = {
    metadata: {
      lifecycles: [{ phase: 'pre-build' }],
      component: {
        type: 'application',
        'bom-ref': self,
        name,
        version,
        licenses: [{ license: { id: licence } }],
        purl: self,
      },
    },
    components,
    dependencies: [
      { ref: self, dependsOn: refs([...direct.service, ...direct.web, ...direct.tools]) },
      ...components.map(({ purl }) => ({
        ref: purl,
        dependsOn: refs((byRef.get(purl) ?? []).flatMap(({ needs }) => needs)),
      })),
    ],
  };
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(content))}`,
    version: 1,
    ...content,
  };
}

export function isProduction({ uses }: Pick<LockedPackage, 'uses'>): boolean {
  return uses.some((use) => use !== 'development');
}

/** https://github.com/package-url/purl-spec, type npm: the @ of a scope is escaped. */
export function purlOf({ name, version }: Pick<LockedPackage, 'name' | 'version'>): string {
  return `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;
}

function componentOf(same: readonly LockedPackage[]): Component {
  const [first] = same as readonly [LockedPackage];
  const [group, name] = first.name.startsWith('@') ? first.name.split('/') : [undefined, first.name];
  const uses = new Set(same.flatMap((one) => one.uses));
  uses.delete('development');
  const optional = same.every((one) => one.isOptional);
  return {
    type: 'library',
    'bom-ref': purlOf(first),
    ...(group && { group }),
    name: name ?? first.name,
    version: first.version,
    scope: !same.some(isShipped) ? 'excluded' : optional ? 'optional' : 'required',
    ...(first.integrity && { hashes: [hashOf(first.integrity)] }),
    ...(first.licence && {
      licenses: [
        SPDX_ID.test(first.licence) ? { license: { id: first.licence } } : { expression: first.licence },
      ],
    }),
    purl: purlOf(first),
    properties: [{ name: 'holdfast:use', value: [...uses].join(',') }],
  };
}

/** @throws if the lockfile has another algorithm than the one it is held to (see licences.ts). */
function hashOf(integrity: string): { alg: string; content: string } {
  const [, base64] = /^sha512-([A-Za-z0-9+/]+=*)$/.exec(integrity) ?? [];
  if (base64 === undefined) throw new Error(`not one SHA-512: ${integrity}`);
  return { alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') };
}

/** RFC 9562, version 8: bits of a hash. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

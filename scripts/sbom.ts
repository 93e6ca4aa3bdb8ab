// `npm run sbom`: the bill of materials of what production needs, as CycloneDX 1.5 in JSON. Made of package-lock.json: nothing is asked
// or installed, and the same lockfile gives the same bytes.
//
//   npm run --silent sbom              prints it
//   npm run sbom -- --out FILE
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { readLockfile } from './supply/lockfile.ts';
import { sbomOf } from './supply/sbom.ts';

const [flag, file, ...more] = process.argv.slice(2);
if ((flag !== undefined && (flag !== '--out' || file === undefined)) || more.length > 0) {
  console.error('npm run sbom -- [--out FILE]');
  process.exit(2);
}
const sbom = sbomOf(readLockfile(path.join(import.meta.dir, '..')));
const text = `${JSON.stringify(sbom, null, 2)}\n`;
if (file === undefined) process.stdout.write(text);
else {
  writeFileSync(file, text);
  console.log(`${file}: ${sbom.components.length} components`);
}

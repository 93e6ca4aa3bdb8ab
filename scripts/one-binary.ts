// `npm run one-binary -- FILE`: the service as one program, Bun and all files that it reads included. For stores that run
// elsewhere: REDIS_URL and DATABASE_URL must be given. Measured in docs/containers.md.
//
// The sources stay as they are. While they are bundled, what a file says of its own place becomes a place below /holdfast, and its
// node:fs one that has the files from there.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dir, '..');
/** Read at the start, whole folders of them. */
const FOLDERS = ['server/lua', 'server/sql/migrations', 'server/src/http', 'web/dist'];
const FILES = ['contract/openapi.json'];
/** Sources that are imported are in the bundle already. */
const IS_CODE = /\.tsx?$/;
const INSIDE = '/holdfast';
/** Worker processes run the same program; a compiled one is named by nobody. */
const WORKER_COMMAND = "[process.execPath, '--no-env-file', import.meta.path, WORKER_ROLE]";
const OWN_WORKER_COMMAND = '[process.execPath, WORKER_ROLE]';

const [named] = process.argv.slice(2);
if (named === undefined) {
  console.error('npm run one-binary -- FILE');
  process.exit(2);
}

const built = await Bun.build({
  entrypoints: [path.join(root, 'server/src/main.ts')],
  minify: true,
  compile: { outfile: path.resolve(named), autoloadDotenv: false, autoloadBunfig: false },
  plugins: [{ name: 'files-inside', setup: bringFilesInside }],
});
for (const log of built.logs) console.error(String(log));
if (built.success) console.log(`${named}: ${(Bun.file(named).size / 1e6).toFixed(0)} MB`);
process.exitCode = built.success ? 0 : 1;

function bringFilesInside(build: Bun.PluginBuilder): void {
  build.onLoad({ filter: /\/server\/src\/.*\.ts$/ }, ({ path: file }) => {
    const place = `${INSIDE}/${path.relative(root, file)}`;
    let text = readFileSync(file, 'utf8');
    if (file.endsWith('/main.ts')) {
      if (!text.includes(WORKER_COMMAND))
        throw new Error(`main.ts starts its workers in another way: ${file}`);
      text = text.replace(WORKER_COMMAND, OWN_WORKER_COMMAND);
    }
    if (text.includes('import.meta') && !file.includes('/embedded/'))
      text = text.replace(/from 'node:fs(?:\/promises)?'/g, "from 'holdfast:files'");
    return {
      loader: 'ts',
      contents: text
        .replaceAll('import.meta.url', JSON.stringify(`file://${place}`))
        .replaceAll('import.meta.dir', JSON.stringify(path.dirname(place)))
        .replaceAll('import.meta.path', JSON.stringify(place)),
    };
  });
  build.onResolve({ filter: /^holdfast:files$/ }, () => ({ path: 'files', namespace: 'holdfast' }));
  build.onLoad({ filter: /.*/, namespace: 'holdfast' }, () => ({ loader: 'ts', contents: filesModule() }));
}

/** node:fs, as far as those who read these files use it: theirs come from the bundle, all others from the disk. */
function filesModule(): string {
  return `
import * as fs from 'node:fs';
import { fileURLToPath } from 'node:url';
const files = new Map(${JSON.stringify([...insideFiles()])}.map(([name, base64]) => [name, Buffer.from(base64, 'base64')]));
const nameOf = (file) => (file instanceof URL ? fileURLToPath(file) : String(file));
export function readFileSync(file, options) {
  const found = files.get(nameOf(file));
  if (!found) return fs.readFileSync(file, options);
  const encoding = typeof options === 'string' ? options : options?.encoding;
  return encoding ? found.toString(encoding) : Buffer.from(found);
}
export function existsSync(file) {
  const name = nameOf(file).replace(/\\/$/, '');
  return files.has(name) || [...files.keys()].some((one) => one.startsWith(name + '/')) || fs.existsSync(file);
}
export function readdirSync(folder, options) {
  const start = nameOf(folder).replace(/\\/?$/, '/');
  const names = [...files.keys()].filter((one) => one.startsWith(start)).map((one) => one.slice(start.length));
  if (names.length === 0) return fs.readdirSync(folder, options);
  return options?.recursive ? names : [...new Set(names.map((one) => one.split('/')[0]))];
}
export const readFile = async (...args) => readFileSync(...args);
export const readdir = async (...args) => readdirSync(...args);
`;
}

function insideFiles(): Map<string, string> {
  const listed = FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !IS_CODE.test(entry.name))
        .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
    } catch {
      return []; // web/dist, where it was not built
    }
  });
  const files = [...listed, ...FILES].toSorted();
  return new Map(
    files.map((file) => [`${INSIDE}/${file}`, readFileSync(path.join(root, file)).toString('base64')]),
  );
}

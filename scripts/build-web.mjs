// npm run build:web: the web app, from web/src to web/dist, where the service finds it. `npm start`, `npm run dev` and
// `npm test` come here first; nothing is done while the sources are those of the last build. Beside each file lie its
// compressed forms, and manifest.json lists all of them: what is not listed there is not served.
//
// Fails when what a shopper loads before the first picture (the storefront's JavaScript, all of it) is too much.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

/** A phone on a slow network has this in a second or two; the console, which operators open at a desk, may be larger. */
const STOREFRONT_GZIP_LIMIT_BYTES = 150_000;
/** Below this the headers of an answer weigh more than what compression saves. */
const COMPRESS_FROM_BYTES = 512;

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const web = path.join(root, 'web');
const dist = path.join(web, 'dist');

/** Whatever the result depends on. */
const SOURCES = [
  'web/src',
  'web/index.html',
  'web/console.html',
  'client/src',
  'contract/src',
  'package-lock.json',
  'scripts/build-web.mjs',
];

const MEDIA_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const sources = hashOfSources();
if (builtFrom() === sources) {
  if (process.argv.includes('--verbose')) console.log('The web app is up to date.');
} else {
  await build().catch((error) => {
    console.error(`The web app was not built. ${error.message}`);
    process.exitCode = 1;
  });
}

function hashOfSources() {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap((source) => filesUnder(path.join(root, source)))) {
    if (/\.test\.tsx?$/.test(file)) continue;
    hash
      .update(`${path.relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/** Every file at or below a path, in an order that does not depend on the machine. */
function filesUnder(place) {
  if (!existsSync(place)) return [];
  const entries = readdirSyncOrNull(place);
  if (entries === null) return [place];
  return entries.sort().flatMap((name) => filesUnder(path.join(place, name)));
}

function readdirSyncOrNull(place) {
  try {
    return readdirSync(place);
  } catch (error) {
    if (error.code === 'ENOTDIR') return null;
    throw error;
  }
}

function builtFrom() {
  try {
    return JSON.parse(readFileSync(path.join(dist, 'manifest.json'), 'utf8')).sources;
  } catch {
    return undefined; // not built yet, or only half
  }
}

/** Into a folder beside, which then takes the place of the old one: a build that fails leaves what there was. */
async function build() {
  const fresh = `${dist}.${process.pid}`;
  try {
    await bundle(fresh);
    const files = describe(fresh);
    const firstLoad = firstLoadOf(fresh, files);
    rmSync(path.join(fresh, '.vite'), { recursive: true });
    const manifest = { sources, first_load_gzip_bytes: firstLoad, files };
    writeFileSync(path.join(fresh, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
    const kilobytes = (firstLoad / 1000).toFixed(1);
    console.log(`The web app is built: the storefront's first load is ${kilobytes} kB of JavaScript (gzip).`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

async function bundle(outDir) {
  const [{ build: viteBuild }, { default: react }] = await Promise.all([
    import('vite'),
    import('@vitejs/plugin-react'),
  ]).catch((cause) => {
    throw new Error('The web app cannot be built: run `npm ci` first, with development dependencies.', {
      cause,
    });
  });
  await viteBuild({
    root: web,
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    mode: 'production',
    plugins: [react()],
    build: {
      outDir,
      emptyOutDir: true,
      manifest: true,
      target: ['chrome111', 'edge111', 'firefox114', 'safari16.4'],
      // The policy of the pages forbids what is inline.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      rollupOptions: {
        input: { index: path.join(web, 'index.html'), console: path.join(web, 'console.html') },
      },
    },
  });
}

/** Writes the compressed forms. @returns each file by the path it is served under, without the slash. */
function describe(folder) {
  const files = {};
  for (const file of filesUnder(folder)) {
    const name = path.relative(folder, file).split(path.sep).join('/');
    if (name.startsWith('.vite/')) continue;
    const type = MEDIA_TYPES[path.extname(file)];
    if (type === undefined) throw new Error(`No media type is known for ${name}: add it to build-web.mjs.`);
    const bytes = readFileSync(file);
    const entry = {
      type,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      bytes: bytes.length,
    };
    if (bytes.length >= COMPRESS_FROM_BYTES) {
      const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
      const gzip = gzipSync(bytes, { level: 9 });
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(`${file}.br`, br);
      writeFileSync(`${file}.gz`, gzip);
      Object.assign(entry, { br_bytes: br.length, gzip_bytes: gzip.length });
    }
    files[name] = entry;
  }
  return files;
}

/** Bytes of JavaScript, compressed, that index.html loads before anything is clicked. @throws if they are too many. */
function firstLoadOf(folder, files) {
  const graph = JSON.parse(readFileSync(path.join(folder, '.vite/manifest.json'), 'utf8'));
  const needed = new Set();
  const walk = (key) => {
    if (needed.has(key)) return;
    needed.add(key);
    for (const next of graph[key].imports ?? []) walk(next);
  };
  walk('index.html');
  let total = 0;
  for (const key of needed) {
    const { file } = graph[key];
    if (file.endsWith('.js')) total += files[file].gzip_bytes ?? files[file].bytes;
  }
  if (total > STOREFRONT_GZIP_LIMIT_BYTES) {
    throw new Error(
      `The storefront loads ${total} bytes of JavaScript (gzip); ${STOREFRONT_GZIP_LIMIT_BYTES} are allowed. ` +
        `Load what is not needed at once later (import()). Its modules: ${[...needed].join(', ')}`,
    );
  }
  return total;
}

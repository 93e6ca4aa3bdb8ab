// Finds the Bun binary that npm installed, whether or not install scripts were allowed to run.
// With scripts allowed, bun's postinstall moves the binary to bun/bin/bun.exe; with scripts blocked
// (npm 12's default) that file is a text placeholder and the binary stays in @oven/bun-<os>-<cpu>.
import { closeSync, existsSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** True for an executable binary: ELF or Mach-O or PE magic, never a text placeholder. */
function isBinary(file) {
  if (!existsSync(file)) return false;
  const fd = openSync(file, 'r');
  try {
    const head = Buffer.alloc(4);
    readSync(fd, head, 0, 4, 0);
    const magic = head.toString('hex');
    return magic === '7f454c46' || magic === 'cffaedfe' || magic === 'cafebabe' || magic.startsWith('4d5a');
  } finally {
    closeSync(fd);
  }
}

function packageFolder(name) {
  try {
    return path.dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

function platformPackages() {
  const os = process.platform === 'win32' ? 'windows' : process.platform;
  const cpu = process.arch === 'arm64' ? 'aarch64' : process.arch;
  const base = `@oven/bun-${os}-${cpu}`;
  // Both C libraries' packages may be unpacked; the one that matches this system comes first.
  const musl =
    os === 'linux' && existsSync('/lib') && readdirSync('/lib').some((f) => f.startsWith('ld-musl-'));
  return musl ? [`${base}-musl`, base] : [base, `${base}-musl`];
}

/**
 * The path of a runnable Bun: HOLDFAST_BUN_BIN if set, else the one npm installed.
 * @returns {string}
 * @throws {Error} with what was tried and what to run next.
 */
export function findBun() {
  const named = process.env.HOLDFAST_BUN_BIN;
  if (named) {
    if (isBinary(named)) return realpathSync(named);
    throw new Error(
      `HOLDFAST_BUN_BIN names ${named}, which is not a program. Unset it or point it at a Bun binary.`,
    );
  }
  const candidates = platformPackages()
    .map(packageFolder)
    .filter((folder) => folder !== undefined)
    .map((folder) => path.join(folder, 'bin', process.platform === 'win32' ? 'bun.exe' : 'bun'));
  const wrapper = packageFolder('bun');
  if (wrapper) candidates.push(path.join(wrapper, 'bin', 'bun.exe'));
  for (const candidate of candidates) if (isBinary(candidate)) return candidate;
  throw new Error(
    `No Bun binary found for ${process.platform} ${process.arch}. Run \`npm ci\` without --omit=optional.` +
      `\nLooked at: ${candidates.join(', ') || 'nothing was installed'}`,
  );
}

/**
 * The environment for a Bun that this finds: it keeps no cache of its own below the user's home folder (measured:
 * a start is as fast without).
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function bunEnvironment(env) {
  return { BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0', ...env };
}

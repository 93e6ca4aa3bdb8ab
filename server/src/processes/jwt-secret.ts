// The signing secret of a service that was given none: made at the first start, kept in the data folder, read at
// every later one, so that tokens outlive a restart. `holdfast token` signs with the same file. Production never
// comes here: readConfig refuses to start without a key of its own.
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigurationError, MIN_SECRET_BYTES } from '../config.ts';

/** 48 bytes are 64 base64url characters: more than an HS256 key needs. */
const SECRET_RANDOM_BYTES = 48;

/**
 * The secret of a data folder, made if it is not there: base64url text in `secrets/jwt` (0600, in a folder 0700).
 * The text itself is the key, as with HOLDFAST_JWT_SECRET. Two starts at once agree on one.
 */
export function loadOrMakeJwtSecret(config: { readonly dataDir: string }): string {
  const folder = path.join(config.dataDir, 'secrets');
  const file = path.join(folder, 'jwt');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const existing = readIfThere(file);
  if (existing === undefined) {
    const mine = path.join(folder, `jwt.${process.pid}`);
    writeFileSync(mine, `${randomBytes(SECRET_RANDOM_BYTES).toString('base64url')}\n`, { mode: 0o600 });
    try {
      linkSync(mine, file); // fails if another start was first: then its secret counts
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(mine, { force: true });
    }
  }
  const secret = existing ?? readFileSync(file, 'utf8').trim();
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    throw new ConfigurationError([
      {
        variable: 'HOLDFAST_DATA_DIR',
        problem: 'holds a secrets/jwt that is too short to sign tokens',
        fix: 'remove that file, and a new secret is made',
      },
    ]);
  }
  return secret;
}

function readIfThere(file: string): string | undefined {
  try {
    chmodSync(file, 0o600);
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

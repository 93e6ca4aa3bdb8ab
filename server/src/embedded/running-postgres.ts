// The address of a private PostgreSQL that another process of this machine runs, for tools that look into the ledger of a
// running service. The data folder has it all: PostgreSQL's own lock file names the port, and the password lies beside.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { postgresUrl } from './private-postgres.ts';

/** In postmaster.pid: process id, data folder, start time, port, … (PostgreSQL, src/include/utils/pidfile.h). */
const PORT_LINE = 3;

/**
 * Null while it does not run, or is only starting. Whether it answers is for the caller to see.
 * @throws when the folder's files cannot be read by this user
 */
export function runningDatabaseUrl(dataDir: string): string | null {
  const lock = readIfThere(path.join(dataDir, 'postgres', 'data', 'postmaster.pid'));
  const passwords = readIfThere(path.join(dataDir, 'passwords.json'));
  const port = Number(lock?.split('\n')[PORT_LINE]);
  if (passwords === null || !Number.isInteger(port) || port === 0) return null;
  return postgresUrl(port, (JSON.parse(passwords) as { readonly postgres: string }).postgres);
}

/** Whether a private PostgreSQL was ever made in this data folder. */
export function hasDatabase(dataDir: string): boolean {
  return readIfThere(path.join(dataDir, 'postgres', 'data', 'PG_VERSION')) !== null;
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

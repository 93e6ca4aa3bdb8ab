// Backups of a PostgreSQL by its own means, which need no other program: its data folder, copied while it runs, and the
// archive of its log; and servers that are brought back from them, to the end or to a named point.
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SQL } from 'bun';
import { startPostgres, type TestStore, temporaryFolder } from './stores.ts';
import { until } from './until.ts';

/** What a server makes anew, or must not find: files left out, folders without what is in them (PostgreSQL's manual, 26.3.4). */
const LEFT_OUT = new Set(['postmaster.pid', 'postmaster.opts']);
const EMPTIED = new Set(['pg_wal', 'pg_stat_tmp', 'pg_replslot']);
/** A segment of the log is copied at once; a busy disk may take its time. */
const ARCHIVED_WITHIN_MS = 30_000;

export interface Backup {
  readonly dataFolder: string;
  readonly archive: string;
  readonly password: string;
}

/** From now on each full segment of the log is copied into the folder that is returned. Restarts the server once. */
export async function startArchive(postgres: TestStore): Promise<string> {
  const archive = temporaryFolder('archive');
  ownAs(archive, dataFolderOf(postgres));
  await statements(postgres.url, [
    `ALTER SYSTEM SET archive_mode = on`,
    `ALTER SYSTEM SET archive_command = 'test ! -f "${archive}/%f" && cp "%p" "${archive}/%f"'`,
  ]);
  await postgres.restart();
  return archive;
}

/** Copies the data folder of a running server. Good together with the archive up to the copy's end, which it waits for. */
export async function baseBackup(postgres: TestStore, archive: string): Promise<Backup> {
  const from = dataFolderOf(postgres);
  const dataFolder = path.join(temporaryFolder('backup'), 'data');
  const sql = new SQL(postgres.url, { max: 1 }); // start and stop must be of one session
  try {
    await sql`SELECT pg_backup_start('holdfast', fast => true)`;
    copyFolder(from, dataFolder);
    const [stop] = await sql`SELECT labelfile FROM pg_backup_stop(wait_for_archive => true)`;
    await writeFile(path.join(dataFolder, 'backup_label'), stop.labelfile);
  } finally {
    await sql.close();
  }
  return { dataFolder, archive, password: decodeURIComponent(new URL(postgres.url).password) };
}

/** A name for this moment of the log. */
export async function nameThisMoment(postgres: TestStore, name: string): Promise<void> {
  await statements(postgres.url, [`SELECT pg_create_restore_point('${name}')`]);
}

/** Everything that was committed before is in the archive afterwards. */
export async function untilArchived(postgres: TestStore): Promise<void> {
  const sql = new SQL(postgres.url, { max: 1 });
  try {
    const [segment] = await sql`SELECT pg_walfile_name(pg_switch_wal()) AS name`;
    await until(
      'the log is archived',
      async () => {
        const [seen] = await sql`SELECT last_archived_wal AS name FROM pg_stat_archiver`;
        return String(seen.name) >= segment.name;
      },
      ARCHIVED_WITHIN_MS,
    );
  } finally {
    await sql.close();
  }
}

/** A new server that has everything up to the named moment, or to the archive's end; it archives nothing. */
export async function bringBack(backup: Backup, moment?: string): Promise<TestStore> {
  const dir = temporaryFolder('postgres');
  const dataFolder = path.join(dir, 'data');
  copyFolder(backup.dataFolder, dataFolder);
  await writeFile(path.join(dataFolder, 'recovery.signal'), '');
  const settings = [
    `archive_mode = off`,
    `restore_command = 'cp "${backup.archive}/%f" "%p"'`,
    ...(moment === undefined ? [] : [`recovery_target_name = '${moment}'`]),
    `recovery_target_action = 'promote'`,
  ];
  await appendFile(path.join(dataFolder, 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
  for (const name of ['recovery.signal', 'backup_label'])
    ownAs(path.join(dataFolder, name), backup.dataFolder);
  return startPostgres({ existing: { dir, password: backup.password } });
}

/** The machine is gone, and its disk. At once, as SIGKILL; but PostgreSQL gives back its shared memory, as a lost machine does. */
export async function destroy(...stores: readonly TestStore[]): Promise<void> {
  for (const { pid } of stores) if (pid > 0) process.kill(pid, 'SIGQUIT');
  await until('the stores are gone', () => stores.every(({ pid }) => pid === 0));
  for (const store of stores) rmSync(store.dir, { recursive: true, force: true });
}

function dataFolderOf(postgres: TestStore): string {
  return path.join(postgres.dir, 'data');
}

/** With owners and permissions, as PostgreSQL insists on its own. A file that vanishes meanwhile was not needed. */
function copyFolder(from: string, to: string): void {
  mkdirSync(to);
  ownAs(to, from);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isFile() && !LEFT_OUT.has(entry.name)) copyFile(source, target);
    if (!entry.isDirectory()) continue;
    if (!EMPTIED.has(entry.name)) copyFolder(source, target);
    else {
      mkdirSync(target);
      ownAs(target, source);
    }
  }
}

function copyFile(from: string, to: string): void {
  try {
    copyFileSync(from, to);
    ownAs(to, from);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function ownAs(file: string, like: string): void {
  const { uid, gid, mode } = statSync(like);
  if (process.getuid?.() === 0) chownSync(file, uid, gid);
  if (statSync(file).isDirectory() === statSync(like).isDirectory()) chmodSync(file, mode);
}

async function statements(url: string, texts: readonly string[]): Promise<void> {
  const sql = new SQL(url, { max: 1 });
  try {
    for (const text of texts) await sql.unsafe(text);
  } finally {
    await sql.close();
  }
}

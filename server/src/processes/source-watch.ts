// For development: notices that the code has changed.
import { watch } from 'node:fs';
import path from 'node:path';

/** An editor writes a file in several steps: they count as one change. */
const SETTLE_MS = 100;
const SOURCE = /\.(ts|lua|sql)$/;

/**
 * Calls `changed` with the name of a changed file, one call at a time; what changes meanwhile leads to one more call.
 * @returns stops watching.
 */
export function onSourceChange(
  folders: readonly string[],
  changed: (file: string) => Promise<void>,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy: Promise<void> = Promise.resolve();
  const note = (file: string) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      busy = busy.then(() => changed(file));
    }, SETTLE_MS);
  };
  const watchers = folders.map((folder) =>
    watch(folder, { recursive: true }, (_event, name) => {
      if (name !== null && SOURCE.test(name)) note(path.join(path.basename(folder), name));
    }),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

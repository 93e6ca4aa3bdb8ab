// Noticing that the process which started this one is gone, however it went: it holds the other end of a pipe,
// and the kernel closes that end for it even when it was killed.
import { createReadStream } from 'node:fs';

/** Where a starter announces the pipe's descriptor. The service reads it in its own configuration. */
export const PARENT_FD_VARIABLE = 'HOLDFAST_PARENT_FD';
/** The first descriptor after stdin, stdout and stderr. */
export const PARENT_FD = 3;

/**
 * Calls back once when the starter has gone; does nothing if none announced itself.
 * A read stream, not a Socket: on Bun 1.4 a Socket over an inherited descriptor never sees its end.
 */
export function whenParentGoes(
  env: Readonly<Record<string, string | undefined>>,
  callback: () => void,
): void {
  const text = env[PARENT_FD_VARIABLE];
  if (text === undefined || !/^\d{1,4}$/.test(text)) return;
  const pipe = createReadStream('', { fd: Number(text), autoClose: false });
  pipe.once('end', callback);
  pipe.once('error', callback);
  pipe.resume();
}

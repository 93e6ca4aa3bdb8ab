// Everything that means "stop": SIGTERM, Ctrl-C, a closed terminal, and the end of the pipe that the process which
// started this one holds open (it is gone then, even if it was killed). A second one, later, means "hurry".
import { createReadStream } from 'node:fs';

/**
 * One Ctrl-C is heard up to three times: from the terminal, and from every launcher in between that passes it on.
 * Only a word this long after the first is a second one.
 */
const ECHO_MS = 1_000;

export interface StopWords {
  /** Resolves at the first word. */
  readonly stop: Promise<undefined>;
  /** Resolves at the second word: nobody waits any more. */
  readonly hurry: Promise<undefined>;
  readonly stopAsked: boolean;
}

/** Listens from now on, for the life of the process. */
export function listenForStopWords(parentFd: number | null): StopWords {
  const stop = Promise.withResolvers<undefined>();
  const hurry = Promise.withResolvers<undefined>();
  let firstAtMs: number | undefined;
  const heard = () => {
    firstAtMs ??= performance.now();
    stop.resolve(undefined);
  };
  const heardSignal = () => {
    if (firstAtMs !== undefined && performance.now() - firstAtMs > ECHO_MS) hurry.resolve(undefined);
    heard();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, heardSignal);
  // The pipe's end only stops: a launcher that ends a little later of the same Ctrl-C is no second word.
  if (parentFd !== null) {
    createReadStream('', { fd: parentFd }).on('close', heard).on('error', heard).resume();
  }
  return {
    stop: stop.promise,
    hurry: hurry.promise,
    get stopAsked() {
      return firstAtMs !== undefined;
    },
  };
}

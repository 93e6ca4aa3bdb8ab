// What the command's exit code says, the same for every command.

export const EXIT = {
  ok: 0,
  /** `race`: a promise broke. Elsewhere: it could not be done. */
  failed: 1,
  /** The command line was not understood. */
  usage: 2,
  /** `race`: nothing was shown either way: no server, no sale, no answers to judge by. */
  couldNotRun: 3,
  /** Ended by a signal: 128 + SIGINT, the shell's convention. */
  interrupted: 130,
} as const;

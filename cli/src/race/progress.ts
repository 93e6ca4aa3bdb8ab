// What a person sees while the race runs: one line that rewrites itself on a terminal, now and then a line
// elsewhere. Always on stderr, so that the verdict on stdout stays clean.
import type { Terminal } from '../command.ts';

const REWRITE_EVERY_MS = 100;
const PRINT_EVERY_MS = 2000;

export class Progress {
  readonly #timer: ReturnType<typeof setInterval>;
  #shown = '';

  /** `describe` says in one line how things stand. */
  constructor(
    private readonly terminal: Terminal,
    private readonly describe: () => string,
  ) {
    this.#timer = setInterval(() => this.#show(), terminal.rewritable ? REWRITE_EVERY_MS : PRINT_EVERY_MS);
  }

  /** A line that stays. */
  note(text: string): void {
    this.#clear();
    this.terminal.err(`${text}\n`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #show(): void {
    const text = this.describe();
    if (text === this.#shown) return;
    this.#clear();
    this.terminal.err(this.terminal.rewritable ? text : `${text}\n`);
    this.#shown = text;
  }

  #clear(): void {
    if (this.terminal.rewritable && this.#shown !== '') this.terminal.err('\r\x1b[K');
    this.#shown = '';
  }
}

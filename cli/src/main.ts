// The process behind `holdfast`: finds the command, turns signals and the launcher's death into one abort
// signal, and turns what the command throws into words and an exit code.
import manifest from '../package.json' with { type: 'json' };
import { audit } from './audit.ts';
import { type Command, type Terminal, UsageError } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { migrate } from './migrate.ts';
import { whenParentGoes } from './parent.ts';
import { race } from './race/race.ts';
import { reconcile } from './reconcile.ts';
import { serve } from './serve.ts';
import { token } from './token.ts';

const COMMANDS: readonly Command[] = [serve, race, token, audit, reconcile, migrate];

function overview(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`);
  return [
    'Holdfast: inventory reservation for flash sales.',
    '',
    'Usage: holdfast <command> [options]',
    '',
    ...lines,
    '  help       What a command does: holdfast help race',
    '',
    'holdfast --version prints the version.',
  ].join('\n');
}

async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...rest] = args;
  if (first === '--version' || first === '-v' || first === 'version') return say(terminal, manifest.version);
  if (first === undefined) return complain(terminal, overview());
  const wantsHelp = ['help', '--help', '-h'].includes(first);
  const name = wantsHelp ? rest[0] : first;
  if (name === undefined) return say(terminal, overview());
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) return complain(terminal, `There is no command "${name}".\n\n${overview()}`);
  if (wantsHelp || rest.includes('--help') || rest.includes('-h')) return say(terminal, command.help);
  return runCommand(command, rest, terminal);
}

async function runCommand(command: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await command.run(args, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      return complain(terminal, `${error.message}\nholdfast ${command.name} --help lists its options.`);
    }
    if (terminal.signal.aborted) return EXIT.interrupted;
    terminal.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.failed;
  }
}

function say(terminal: Terminal, text: string): number {
  terminal.out(`${text}\n`);
  return EXIT.ok;
}

function complain(terminal: Terminal, text: string): number {
  terminal.err(`${text}\n`);
  return EXIT.usage;
}

const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort());
whenParentGoes(process.env, () => ending.abort());

const code = await main(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  rewritable: process.stderr.isTTY === true,
  env: process.env,
  signal: ending.signal,
});
// What a pipe has not taken yet would be lost in the exit.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))),
);
process.exit(code);

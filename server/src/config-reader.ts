// One typed read a variable, and a list of everything that is wrong. A reader never stops at the first bad
// value: whoever starts the service sees every problem at once, each with what to write instead.

export type Environment = Readonly<Record<string, string | undefined>>;

/** One bad variable: what is wrong with it, and what to write. Never the value of a secret. */
export interface ConfigProblem {
  readonly variable: string;
  readonly problem: string;
  readonly fix: string;
}

/** What a parser makes of a text: the value, or a problem and its remedy in words. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string; readonly fix: string };

/** Longer values are cut in messages. */
const SHOWN_VALUE_CHARACTERS = 60;
/** A name further than this from every known one gets no "did you mean". */
const HINT_EDITS = 4;

export class ConfigReader {
  readonly problems: ConfigProblem[] = [];
  private readonly known = new Set<string>();

  constructor(private readonly env: Environment) {}

  /**
   * The parsed value; `fallback` when the variable is unset, empty (as Compose files write "not given") or bad.
   * Problems name the value unless it is `secret`.
   */
  read<T, F>(name: string, fallback: F, parse: (text: string) => Parsed<T>, secret = false): T | F {
    this.known.add(name);
    const text = this.env[name];
    if (text === undefined || text === '') return fallback;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    this.refuse(name, secret ? parsed.problem : `${shown(text)} ${parsed.problem}`, parsed.fix);
    return fallback;
  }

  wholeNumber(name: string, fallback: number, min: number, max: number): number {
    return this.read(name, fallback, (text) => {
      const value = Number(text);
      return /^\d{1,15}$/.test(text) && value >= min && value <= max
        ? { value }
        : { problem: 'is not a whole number in its range', fix: `write one from ${min} to ${max}` };
    });
  }

  choice<T extends string>(name: string, fallback: T, choices: readonly T[]): T {
    return this.read(name, fallback, (text) => {
      const value = choices.find((choice) => choice === text);
      return value !== undefined
        ? { value }
        : { problem: 'is not one of its choices', fix: `write ${choices.join(' or ')}` };
    });
  }

  flag<F>(name: string, fallback: F): boolean | F {
    return this.read(name, fallback, (text) => {
      if (['on', '1', 'true', 'yes'].includes(text.toLowerCase())) return { value: true };
      if (['off', '0', 'false', 'no'].includes(text.toLowerCase())) return { value: false };
      return { problem: 'is neither on nor off', fix: 'write on or off' };
    });
  }

  /** A list separated by commas; `invalid` says what is wrong with a member, or undefined if nothing is. */
  list(name: string, invalid: (member: string) => string | undefined, fix: string): readonly string[] {
    return this.read(name, [], (text) => {
      const members = text
        .split(',')
        .map((member) => member.trim())
        .filter((member) => member !== '');
      for (const member of members) {
        const problem = invalid(member);
        if (problem !== undefined) return { problem: `holds ${shown(member)}, which ${problem}`, fix };
      }
      return { value: members };
    });
  }

  refuse(variable: string, problem: string, fix: string): void {
    this.problems.push({ variable, problem, fix });
  }

  /** A misspelled name is a setting that silently does nothing: every unread name with the prefix is a problem. */
  refuseUnknown(prefix: string, except: (name: string) => boolean): void {
    for (const name of Object.keys(this.env).sort()) {
      if (!name.startsWith(prefix) || this.known.has(name) || except(name)) continue;
      const nearest = this.nearestKnown(name);
      this.refuse(name, 'is not a variable of Holdfast', nearest ? `did you mean ${nearest}?` : 'remove it');
    }
  }

  private nearestKnown(name: string): string | undefined {
    const ranked = [...this.known]
      .map((known) => ({ known, edits: editDistance(name, known) }))
      .sort((a, b) => a.edits - b.edits);
    return ranked.find(({ edits }) => edits <= HINT_EDITS)?.known;
  }
}

/** A value as a message may show it: quoted, control characters escaped, without what opens a door, cut. */
function shown(value: string): string {
  const text = value.replace(/:\/\/\S*@/g, '://…@');
  const quoted = JSON.stringify(text.slice(0, SHOWN_VALUE_CHARACTERS));
  return text.length > SHOWN_VALUE_CHARACTERS ? `${quoted}…` : quoted;
}

/** Levenshtein: insertions, deletions and replacements that turn one name into the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

// deploy/Dockerfile as steps. Knows what that file uses and refuses the rest: what cannot be run on a bare machine as it stands
// must not slip past.
import { DockerfileParser } from 'dockerfile-ast';

export type Step =
  | { readonly kind: 'copy'; readonly from: string | null; readonly source: string; readonly target: string }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'workdir'; readonly path: string }
  | { readonly kind: 'env'; readonly values: Readonly<Record<string, string>> };

export interface Stage {
  readonly image: string;
  readonly name: string | null;
  readonly steps: readonly Step[];
  readonly user: string | null;
  readonly healthcheck: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
}

type Draft = { -readonly [K in keyof Stage]: Stage[K] } & { steps: Step[] };

/** Say something about the image and do nothing. */
const WITHOUT_EFFECT_HERE = new Set(['EXPOSE', 'STOPSIGNAL']);

export function readDockerfile(text: string): Stage[] {
  const stages: Draft[] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword();
    // With its flags, which the arguments are given without.
    const rest = instruction.getTextContent().slice(keyword.length).trim();
    if (keyword === 'FROM') {
      const [image = '', , name = null] = rest.split(/\s+/);
      stages.push({ image, name, steps: [], user: null, healthcheck: null, entrypoint: null });
      continue;
    }
    const stage = stages.at(-1);
    if (!stage) throw new Error(`${keyword} before FROM`);
    if (!WITHOUT_EFFECT_HERE.has(keyword)) take(stage, keyword, rest);
  }
  return stages;
}

function take(stage: Draft, keyword: string, rest: string): void {
  switch (keyword) {
    case 'WORKDIR':
      stage.steps.push({ kind: 'workdir', path: rest });
      return;
    case 'RUN':
      if (/(^|\s)\//.test(rest)) throw new Error(`RUN names an absolute path: ${rest}`);
      stage.steps.push({ kind: 'run', command: rest });
      return;
    case 'ENV':
      stage.steps.push({ kind: 'env', values: Object.fromEntries(rest.split(/\s+/).map(pairOf)) });
      return;
    case 'COPY': {
      const [, from = null, source = '', target = ''] = /^(?:--from=(\S+) )?(\S+) (\S+)$/.exec(rest) ?? [];
      if (source === '') throw new Error(`COPY of a form that is not known here: ${rest}`);
      stage.steps.push({ kind: 'copy', from, source, target });
      return;
    }
    case 'USER':
      stage.user = rest;
      return;
    case 'HEALTHCHECK':
      stage.healthcheck = listOf(rest.slice(rest.indexOf('CMD') + 'CMD'.length));
      return;
    case 'ENTRYPOINT':
      stage.entrypoint = listOf(rest);
      return;
    default:
      throw new Error(`${keyword} is not known here`);
  }
}

const pairOf = (text: string): [string, string] => {
  const at = text.indexOf('=');
  if (at < 0) throw new Error(`ENV of a form that is not known here: ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
};

const listOf = (text: string): string[] => JSON.parse(text) as string[];

/** What .dockerignore lets in, of files named from the root: a `*`, then `!` for what comes back, then what goes again. */
export function admits(dockerignore: string): (file: string) => boolean {
  const rules = dockerignore
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const back = line.startsWith('!');
      const pattern = (back ? line.slice(1) : line)
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('**/', '\u0000')
        .replaceAll('*', '[^/]*')
        .replaceAll('\u0000', '(?:.*/)?');
      return { back, pattern: new RegExp(`^${pattern}(?:/|$)`) };
    });
  return (file) => rules.reduce((is, { back, pattern }) => (pattern.test(file) ? back : is), true);
}

// The published document is what the routes are made of: committed as generated, complete, and without loose ends.
import { describe, expect, test } from 'bun:test';
import { problemsOf } from '@holdfast/contract/operation';
import { OPERATIONS } from '@holdfast/contract/operations';
import { PROBLEMS, type ProblemCode } from '@holdfast/contract/problems';
import { driftedFiles, GENERATED_FILES } from '../../scripts/generate.ts';
import { fakeWorld } from './http-fakes.ts';

interface Document {
  openapi: string;
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, object> }>>;
}

const served = async (): Promise<{ text: string; document: Document }> => {
  const text = await (await fakeWorld().send('/openapi.json')).text();
  return { text, document: JSON.parse(text) as Document };
};

describe('the generated files', () => {
  test('are committed as the source makes them (else: npm run generate)', () => {
    expect(driftedFiles()).toEqual([]);
  });

  test('a drifted or missing one is named', () => {
    const path = 'contract/openapi.json';
    expect(driftedFiles([{ path, text: () => 'something else' }])).toEqual([path]);
    expect(driftedFiles([{ path: 'contract/nothing.json', text: () => '' }])).toEqual([
      'contract/nothing.json',
    ]);
  });

  test('are the same each time they are made', () => {
    for (const { text } of GENERATED_FILES) expect(text()).toBe(text());
  });
});

describe('the document', () => {
  test('lists every operation once, with all its problems by status', async () => {
    const { document } = await served();
    expect(document.openapi).toStartWith('3.1');
    const listed = Object.values(document.paths).flatMap((item) => Object.values(item));
    expect(listed.map(({ operationId }) => operationId).sort()).toEqual(
      OPERATIONS.map(({ id }) => id).sort(),
    );
    for (const operation of OPERATIONS) {
      const { responses } = document.paths[operation.path]?.[operation.method.toLowerCase()] ?? {
        responses: {},
      };
      const statuses = [...problemsOf(operation)].map((code) => String(PROBLEMS[code].status));
      expect(Object.keys(responses).sort()).toEqual(
        [...new Set([...statuses, String(operation.success.status)])].sort(),
      );
    }
  });

  test('has no reference that leads nowhere', async () => {
    const { text, document } = await served();
    const references = [...text.matchAll(/"\$ref": "#\/([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(references.length).toBeGreaterThan(100);
    for (const reference of new Set(references)) {
      const target = reference
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown>)?.[key], document);
      expect(target, reference).toBeDefined();
    }
  });

  test('no problem of the catalogue is without an operation that answers it', () => {
    const answered = new Set<ProblemCode>(OPERATIONS.flatMap((operation) => [...problemsOf(operation)]));
    const everywhere: ProblemCode[] = ['not-found', 'method-not-allowed'];
    const orphans = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => !answered.has(code));
    expect(orphans).toEqual(everywhere);
  });
});

// An example for a schema that has none of its own: put together from the examples of its parts.
import type { ApiDocument, Schema } from './docs-document.ts';

export function exampleFor(schema: Schema, document: ApiDocument): unknown {
  const whole = document.resolve(schema);
  if (whole.examples?.[0] !== undefined) return whole.examples[0];
  if (whole.const !== undefined) return whole.const;
  if (whole.default !== undefined) return whole.default;
  if (whole.enum) return whole.enum[0];
  if (whole.anyOf?.[0]) return exampleFor(whole.anyOf[0], document);
  if (Array.isArray(whole.type)) return whole.type.includes('null') ? null : undefined;
  switch (whole.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(whole.properties ?? {}).map(([name, part]) => [name, exampleFor(part, document)]),
      );
    case 'array':
      return whole.items ? [exampleFor(whole.items, document)] : [];
    case 'integer':
      return Math.max(1, whole.minimum ?? 1);
    case 'boolean':
      return true;
    default:
      return '…';
  }
}

// The service names what is wrong by JSON Pointer; a form shows each message at the field that the pointer leads to.
import type { InvalidPart } from '@holdfast/contract/problems';
import type { FieldProblems } from './sales/sale-draft.ts';

export interface PlacedProblems {
  readonly fields: FieldProblems;
  /** What no field of the form stands for; shown above it, so that no message is lost. */
  readonly others: readonly string[];
}

/**
 * A pointer belongs to the field of the same name, else to the nearest field around it: `/items/0/price/currency`
 * is shown at `/items/0/price` where the form has one field for both.
 */
export function placeProblems(errors: readonly InvalidPart[], pointers: Iterable<string>): PlacedProblems {
  const known = new Set(pointers);
  const fields = new Map<string, string>();
  const others: string[] = [];
  for (const { path, message } of errors) {
    const field = nearest(path, known);
    if (field === undefined) others.push(path === '' ? message : `${path} ${message}`);
    else fields.set(field, fields.has(field) ? `${fields.get(field)}; ${message}` : message);
  }
  return { fields, others };
}

function nearest(pointer: string, known: ReadonlySet<string>): string | undefined {
  for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) if (known.has(at)) return at;
  return undefined;
}

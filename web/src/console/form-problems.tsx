// What is wrong with a form as a whole, above its button: a refusal, and messages that no field stands for.
import { HoldfastError } from '@holdfast/client';
import { Notice } from '../shared/notice.tsx';
import { sentenceOf } from './asking.tsx';
import { placeProblems } from './field-problems.ts';
import type { FieldProblems } from './sales/sale-draft.ts';

const NONE: FieldProblems = new Map();

/** Messages at their fields: those found before sending, else those that the service answered. */
export function problemsAtFields(
  local: FieldProblems | undefined,
  error: unknown,
  pointers: readonly string[],
): FieldProblems {
  if (local !== undefined) return local;
  return error instanceof HoldfastError ? placeProblems(error.errors, pointers).fields : NONE;
}

export interface FormProblemsProps {
  readonly fields: FieldProblems;
  readonly error: unknown;
  readonly pointers: readonly string[];
}

export function FormProblems({ fields, error, pointers }: FormProblemsProps) {
  if (fields.size > 0) return <Notice tone="bad" title="Look at the fields that are marked" />;
  if (error === null || error === undefined) return null;
  const others = error instanceof HoldfastError ? placeProblems(error.errors, pointers).others : [];
  const title = error instanceof HoldfastError && error.status > 0 ? error.title : 'That did not work';
  return (
    <Notice tone="bad" title={title}>
      <p>{sentenceOf(error)}</p>
      {others.length > 0 && (
        <ul>
          {others.map((message) => (
            <li key={message}>{message}</li>
          ))}
        </ul>
      )}
    </Notice>
  );
}

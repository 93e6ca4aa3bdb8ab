// The filters of a list: typed here, kept in the address bar, so a search is a link. And the way through its pages.
import { type FormEvent, type ReactNode, useState } from 'react';
import { Button } from '../shared/button.tsx';
import { TextField } from '../shared/field.tsx';
import { type FilteredPage, type Filters, readFilters, writeFilters } from './filters.ts';
import { navigate, useSearch } from './router.tsx';

/** What the address says is searched for. */
export function useFilters<Name extends string>(names: readonly Name[]): FilteredPage<Name> {
  return readFilters(useSearch(), names);
}

export interface FilterFormProps<Name extends string> {
  readonly names: readonly Name[];
  readonly filters: Filters<Name>;
  readonly fields: (value: (name: Name) => string, change: (name: Name, value: string) => void) => ReactNode;
  readonly actions?: ReactNode;
}

/** Another search in the address bar (going back) is another form: give it a key. */
export function FilterForm<Name extends string>({ names, filters, fields, actions }: FilterFormProps<Name>) {
  const [draft, setDraft] = useState<Filters<Name>>(filters);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    navigate(location.pathname + writeFilters(draft, names));
  };
  return (
    <search>
      <form className="filters" onSubmit={submit}>
        {fields(
          (name) => draft[name] ?? '',
          (name, value) => setDraft({ ...draft, [name]: value }),
        )}
        <div className="filters-actions">
          <Button look="primary" type="submit">
            Search
          </Button>
          {Object.keys(filters).length > 0 && (
            <Button onClick={() => navigate(location.pathname)}>Clear</Button>
          )}
          {actions}
        </div>
      </form>
    </search>
  );
}

export interface FilterFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: string;
}

export function FilterField({ label, value, onChange, hint }: FilterFieldProps) {
  return (
    <TextField
      label={label}
      value={value}
      spellCheck={false}
      {...(hint !== undefined && { hint })}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

export interface PagerProps {
  readonly search: (cursor?: string) => string;
  readonly cursor: string | undefined;
  readonly next: string | null;
}

/** Back is the browser's: each page has its address. */
export function Pager({ search, cursor, next }: PagerProps) {
  if (cursor === undefined && next === null) return null;
  return (
    <nav className="pager" aria-label="Pages">
      {cursor !== undefined && (
        <>
          <Button onClick={() => navigate(location.pathname + search())}>First page</Button>
          <Button onClick={() => history.back()}>Back</Button>
        </>
      )}
      {next !== null && <Button onClick={() => navigate(location.pathname + search(next))}>Next page</Button>}
    </nav>
  );
}

/** A page of a filtered list may be empty and still have a next one: the service looks at a bounded number of rows. */
export function NothingHere({ next, what }: { readonly next: string | null; readonly what: string }) {
  return (
    <div className="state">
      <h2>{next === null ? `No ${what} found` : `No ${what} among those looked at`}</h2>
      <p>
        {next === null
          ? 'Search for something else, or clear the filters.'
          : 'There are more to look at: go on.'}
      </p>
    </div>
  );
}

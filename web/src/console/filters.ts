// Filters of a list as they stand in the address bar, so that a search can be shared, reloaded and gone back to. What
// the page does not know is left out of what is asked, as is an empty field.

/** A cursor is the service's own; it lives as long as the filters it came with. */
const CURSOR = 'cursor';

export type Filters<Name extends string> = Readonly<Partial<Record<Name, string>>>;

export interface FilteredPage<Name extends string> {
  readonly filters: Filters<Name>;
  readonly cursor: string | undefined;
}

export function readFilters<Name extends string>(search: string, names: readonly Name[]): FilteredPage<Name> {
  const parameters = new URLSearchParams(search);
  const filters: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = parameters.get(name)?.trim();
    if (value) filters[name] = value;
  }
  return { filters, cursor: parameters.get(CURSOR) ?? undefined };
}

/** The query string, `?` included, empty without filters. Names are in the given order: one search, one address. */
export function writeFilters<Name extends string>(
  filters: Filters<Name>,
  names: readonly Name[],
  cursor?: string,
): string {
  const parameters = new URLSearchParams();
  for (const name of names) {
    const value = filters[name]?.trim();
    if (value) parameters.set(name, value);
  }
  if (cursor !== undefined) parameters.set(CURSOR, cursor);
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

/** `2026-11-27T10:00` of an input is the operator's own time; the wire wants an instant. Undefined if it is none. */
export function instantOfInput(value: string): string | undefined {
  const atMs = Date.parse(value);
  return value === '' || Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
}

/** The other way round, for an input of type datetime-local, in the operator's own time, seconds included. */
export function inputOfInstant(instant: string | undefined | null): string {
  const atMs = Date.parse(instant ?? '');
  if (Number.isNaN(atMs)) return '';
  const local = new Date(atMs - new Date(atMs).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

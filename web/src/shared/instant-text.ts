// Moments, in the reader's own time zone.

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const seconds = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export function instantText(instant: string): string {
  return full.format(new Date(instant));
}

/** To the second, for records. */
export function exactInstantText(instant: string): string {
  return seconds.format(new Date(instant));
}

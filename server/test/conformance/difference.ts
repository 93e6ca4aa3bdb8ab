// Where two replies part: one line instead of two printed stores.

/** The first place where plain data differs, as `.snapshot.items[0].sold: 1 but 2`; null if nowhere. */
export function difference(a: unknown, b: unknown, path = ''): string | null {
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) {
    return `${path}: ${a.length} elements but ${b.length}: ${JSON.stringify(a)} but ${JSON.stringify(b)}`;
  }
  if (isObject(a) && isObject(b) && Array.isArray(a) === Array.isArray(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const step = Array.isArray(a) ? `[${key}]` : `.${key}`;
      const found = difference(a[key], b[key], path + step);
      if (found !== null) return found;
    }
    return null;
  }
  return Object.is(a, b) ? null : `${path}: ${JSON.stringify(a)} but ${JSON.stringify(b)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

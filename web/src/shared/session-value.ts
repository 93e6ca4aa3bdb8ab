// Values that live as long as the tab: tokens above all, which never go into localStorage. Where the browser refuses
// storage (a strict private mode) they live as long as the page.

const inMemory = new Map<string, string>();

export function readSession(name: string): string | undefined {
  try {
    return sessionStorage.getItem(name) ?? inMemory.get(name);
  } catch {
    return inMemory.get(name);
  }
}

export function writeSession(name: string, value: string | undefined): void {
  if (value === undefined) inMemory.delete(name);
  else inMemory.set(name, value);
  try {
    if (value === undefined) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, value);
  } catch {
    // In memory, then.
  }
}

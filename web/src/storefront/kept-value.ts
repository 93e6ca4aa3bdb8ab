// Values that all tabs of this browser share and that outlive them: carts, keys, the shopper's name. No secrets. Where
// the browser refuses storage they live as long as the page, and two tabs are two shoppers.

export interface Keep {
  read(name: string): string | null;
  write(name: string, value: string | null): void;
}

const PREFIX = 'holdfast.';

export function browserKeep(): Keep {
  const inMemory = new Map<string, string>();
  return {
    read: (name) => {
      try {
        return localStorage.getItem(PREFIX + name);
      } catch {
        return inMemory.get(name) ?? null;
      }
    },
    write: (name, value) => {
      if (value === null) inMemory.delete(name);
      else inMemory.set(name, value);
      try {
        if (value === null) localStorage.removeItem(PREFIX + name);
        else localStorage.setItem(PREFIX + name, value);
      } catch {
        // In memory, then.
      }
    },
  };
}

/** Told when another tab changed a value. @returns stops telling. */
export function onOtherTabs(changed: (name: string) => void): () => void {
  const listen = (event: StorageEvent) => {
    if (event.key?.startsWith(PREFIX)) changed(event.key.slice(PREFIX.length));
  };
  window.addEventListener('storage', listen);
  return () => window.removeEventListener('storage', listen);
}

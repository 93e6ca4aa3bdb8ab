// One at a time: over all tabs where the browser has Web Locks, else in this tab.

export type Turns = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export function browserTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return async (name, work) => {
    if (navigator.locks) return await navigator.locks.request(`holdfast.${name}`, work);
    const mine = (last.get(name) ?? Promise.resolve()).then(work, work);
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}

// Where the operator is: path and query of the address bar, through the browser's own history. A link is a link: it
// can be opened in another tab, and going back brings the search that was there.
import { type ComponentProps, useSyncExternalStore } from 'react';
import { type Place, pathOf } from './places.ts';

const moved = new EventTarget();

export function navigate(address: string): void {
  history.pushState(null, '', address);
  window.scrollTo(0, 0);
  moved.dispatchEvent(new Event('moved'));
}

function subscribe(changed: () => void): () => void {
  moved.addEventListener('moved', changed);
  window.addEventListener('popstate', changed);
  return () => {
    moved.removeEventListener('moved', changed);
    window.removeEventListener('popstate', changed);
  };
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

export function useSearch(): string {
  return useSyncExternalStore(subscribe, () => location.search);
}

export interface LinkProps extends Omit<ComponentProps<'a'>, 'href'> {
  readonly to: Exclude<Place, { page: 'nowhere' }>;
  /** The query, with its question mark. */
  readonly search?: string;
}

export function Link({ to, search = '', onClick, ...rest }: LinkProps) {
  const address = pathOf(to) + search;
  return (
    <a
      {...rest}
      href={address}
      onClick={(event) => {
        onClick?.(event);
        const plain =
          event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
        if (!plain || event.defaultPrevented) return;
        event.preventDefault();
        navigate(address);
      }}
    />
  );
}

// The few pages of the storefront, by their address. A link is a link: it can be opened in another tab.
import { type ComponentProps, useSyncExternalStore } from 'react';

export type Page =
  | { readonly kind: 'home' }
  | { readonly kind: 'sale'; readonly saleId: string }
  | { readonly kind: 'orders' }
  | { readonly kind: 'order'; readonly orderId: string }
  | { readonly kind: 'nowhere' };

export function pageAt(path: string): Page {
  if (path === '/') return { kind: 'home' };
  const [, room, id, ...more] = path.split('/');
  if (more.length > 0) return { kind: 'nowhere' };
  if (room === 'sales' && id) return { kind: 'sale', saleId: id };
  if (room === 'orders') return id ? { kind: 'order', orderId: id } : { kind: 'orders' };
  return { kind: 'nowhere' };
}

const moved = new EventTarget();

export function navigate(path: string): void {
  history.pushState(null, '', path);
  window.scrollTo(0, 0);
  moved.dispatchEvent(new Event('moved'));
}

export function usePath(): string {
  return useSyncExternalStore(
    (changed) => {
      moved.addEventListener('moved', changed);
      window.addEventListener('popstate', changed);
      return () => {
        moved.removeEventListener('moved', changed);
        window.removeEventListener('popstate', changed);
      };
    },
    () => location.pathname,
  );
}

export function Link({ href, onClick, ...rest }: ComponentProps<'a'> & { readonly href: string }) {
  const path = usePath();
  return (
    <a
      {...rest}
      href={href}
      aria-current={path === href ? 'page' : undefined}
      onClick={(event) => {
        onClick?.(event);
        const plain =
          event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
        if (!plain || event.defaultPrevented) return;
        event.preventDefault();
        navigate(href);
      }}
    />
  );
}

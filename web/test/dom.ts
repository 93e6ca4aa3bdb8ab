// A document for component tests, where there is no browser: there while a test file runs, and gone after it.
import { afterAll, afterEach, beforeAll } from 'bun:test';
import { Window } from 'happy-dom';
import { act, type ReactNode } from 'react';
import type { Root } from 'react-dom/client';

const NAMES = [
  'window',
  'document',
  'navigator',
  'location',
  'history',
  'HTMLElement',
  'HTMLIFrameElement',
  'Node',
  'Event',
  'MouseEvent',
  'localStorage',
  'sessionStorage',
] as const;

export interface Dom {
  readonly document: Document;
  /** Renders in place of what was there before. */
  render(node: ReactNode): Promise<HTMLElement>;
  /** As a finger or a mouse does it. */
  click(element: Element | null): Promise<void>;
}

export function dom(): Dom {
  const before = new Map<string, PropertyDescriptor | undefined>();
  let window: Window;
  let root: Root | undefined;

  beforeAll(() => {
    window = new Window({ url: 'http://shop.example/' });
    for (const name of [...NAMES, 'IS_REACT_ACT_ENVIRONMENT']) {
      before.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    }
    for (const name of NAMES) {
      const value = name === 'window' ? window : Reflect.get(window, name);
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    }
    Object.defineProperty(globalThis, 'IS_REACT_ACT_ENVIRONMENT', { value: true, configurable: true });
  });
  afterEach(async () => {
    await act(async () => root?.unmount());
    root = undefined;
  });
  afterAll(async () => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else Reflect.deleteProperty(globalThis, name);
    }
    await window.happyDOM.close();
  });

  return {
    get document() {
      return window.document as unknown as Document;
    },
    async render(node) {
      // Loaded late: it looks for a document when it is loaded.
      const { createRoot } = await import('react-dom/client');
      await act(async () => root?.unmount());
      const place = this.document.createElement('div');
      this.document.body.replaceChildren(place);
      root = createRoot(place);
      await act(async () => root?.render(node));
      return place;
    },
    async click(element) {
      if (element === null) throw new Error('there is nothing to click');
      await act(async () => {
        (element as HTMLElement).click();
      });
    },
  };
}

// What a page shows while it has nothing, has nothing yet, or cannot have it.
import type { ReactNode } from 'react';
import { Button } from './button.tsx';

export interface EmptyProps {
  readonly title: string;
  /** It is all that the page has to say. */
  readonly wholePage?: boolean;
  readonly children?: ReactNode;
}

export function Empty({ title, wholePage = false, children }: EmptyProps) {
  return (
    <div className="state">
      <StateTitle wholePage={wholePage}>{title}</StateTitle>
      {children}
    </div>
  );
}

/** Lines of the page to come, as wide as they will be. */
export function Loading({ what, lines = 3 }: { readonly what: string; readonly lines?: number }) {
  return (
    <div role="status" aria-busy="true">
      <span className="visually-hidden">Loading {what}</span>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={String(line)} width={line === 0 ? '40%' : '100%'} height="1.25rem" />
      ))}
    </div>
  );
}

export function Skeleton({ width, height }: { readonly width: string; readonly height: string }) {
  return <span className="skeleton" aria-hidden="true" style={{ width, height, marginBlock: '0.5rem' }} />;
}

export interface ErrorStateProps {
  readonly title: string;
  /** What happened and what to do next. */
  readonly sentence: string;
  /** It is all that the page has to say. */
  readonly wholePage?: boolean;
  readonly onRetry?: (() => void) | undefined;
}

export function ErrorState({ title, sentence, wholePage = false, onRetry }: ErrorStateProps) {
  return (
    <div className="state" role="alert">
      <StateTitle wholePage={wholePage}>{title}</StateTitle>
      <p>{sentence}</p>
      {onRetry !== undefined && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}

/** A page has one heading of the first level; a part of it has one of the second. */
function StateTitle({ wholePage, children }: { readonly wholePage: boolean; readonly children: string }) {
  return wholePage ? <h1 className="state-title">{children}</h1> : <h2>{children}</h2>;
}

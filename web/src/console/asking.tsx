// One way to ask the service for something and to show it: while it is on its way, when it cannot be had, and when what
// is shown could not be refreshed. Nothing is polled for a page that nobody looks at or a session that has ended.
import { HoldfastError } from '@holdfast/client';
import type { OperatorClient } from '@holdfast/client/operator';
import { keepPreviousData, type UseQueryResult, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Notice } from '../shared/notice.tsx';
import { ErrorState, Loading } from '../shared/states.tsx';
import { useOperator, useSessionState } from './operator-store.ts';

/** After a refusal without a Retry-After: an error that stays is not asked about every second. */
const AFTER_ERROR_MS = 5_000;

export interface AskOptions {
  /** Asks again this often, while the page is seen. */
  readonly everyMs?: number;
  readonly enabled?: boolean;
  /** Shows the last answer while the next one to another question is on its way. */
  readonly keepLast?: boolean;
  /** Read once, and again only when asked to: what somebody decides on must not move. */
  readonly still?: boolean;
}

export function useAsk<Answer>(
  key: readonly unknown[],
  ask: (client: OperatorClient, signal: AbortSignal) => Promise<Answer>,
  { everyMs, enabled = true, keepLast = false, still = false }: AskOptions = {},
): UseQueryResult<Answer> {
  const { client, session } = useOperator();
  const signedIn = useSessionState(session).kind === 'in';
  return useQuery<Answer>({
    queryKey: key,
    queryFn: ({ signal }) => ask(client, signal),
    enabled: enabled && signedIn,
    ...(everyMs !== undefined && {
      refetchInterval: ({ state }: { state: { error: unknown } }) => pauseMs(everyMs, state.error),
    }),
    ...(still && { staleTime: Number.POSITIVE_INFINITY }),
    ...(keepLast && { placeholderData: keepPreviousData as never }),
  });
}

/** How long to wait before asking again. Exported for its test. */
export function pauseMs(everyMs: number, error: unknown): number {
  if (error === null || error === undefined) return everyMs;
  const askedTo = error instanceof HoldfastError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
  return Math.max(everyMs, AFTER_ERROR_MS, askedTo);
}

export interface AskedProps<Answer> {
  readonly of: UseQueryResult<Answer>;
  /** What it is, for `Loading …` and `… could not be read`. */
  readonly what: string;
  readonly lines?: number;
  readonly children: (answer: Answer) => ReactNode;
}

export function Asked<Answer>({ of, what, lines = 3, children }: AskedProps<Answer>) {
  if (of.data !== undefined) {
    return (
      <>
        {of.error !== null && <NotRefreshed what={what} error={of.error} />}
        {children(of.data)}
      </>
    );
  }
  if (of.error !== null) {
    const retry = () => void of.refetch();
    return <ErrorState title={`Could not read ${what}`} sentence={sentenceOf(of.error)} onRetry={retry} />;
  }
  return <Loading what={what} lines={lines} />;
}

function NotRefreshed({ what, error }: { readonly what: string; readonly error: unknown }) {
  return (
    <Notice tone="warn" title={`Not refreshed: ${what}`}>
      <p>{sentenceOf(error)} What you see is the last answer.</p>
    </Notice>
  );
}

/** What happened and what to do next, in words. The request's id is what support asks for first. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof HoldfastError)) return 'Something went wrong in this page. Reload it.';
  switch (error.code) {
    case 'network':
      return 'The service could not be reached. Check the connection.';
    case 'timeout':
      return 'The service did not answer in time.';
    case 'unauthenticated':
      return 'Your session has ended. Sign in again.';
    case 'internal':
      return `${error.detail ?? error.title} Request ${error.requestId ?? 'without an id'}.`;
    default:
      return error.detail ?? `${error.title}.`;
  }
}

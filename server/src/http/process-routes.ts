// The process about itself: alive, ready, and what it promises.
import { getHealth, getOpenApi, getReadiness } from '@holdfast/contract/process';
import { type Endpoint, endpoint } from './endpoint.ts';
import { OPENAPI_TEXT } from './openapi-file.ts';

/** `reasons`: what is missing, each a phrase without secrets or addresses; empty when ok. */
export type Readiness = () => { readonly ok: boolean; readonly reasons: readonly string[] };

export function processRoutes(ready: Readiness): Endpoint[] {
  return [
    endpoint(getHealth, async () => ({ ok: true, value: { status: 'ok' } }) as const),

    endpoint(getReadiness, async () => {
      const { ok, reasons } = ready();
      if (ok) return { ok: true, value: { status: 'ready' } } as const;
      const detail = 'The service cannot take traffic now. See `reasons`.';
      return {
        ok: false,
        refusal: { code: 'unavailable', detail, retryAfterSeconds: 1, members: { reasons } },
      };
    }),

    endpoint(getOpenApi, async () => ({ ok: true, value: OPENAPI_TEXT })),
  ];
}

// The process about itself: alive, ready, and what it promises.
import { readFileSync } from 'node:fs';
import { getHealth, getOpenApi, getReadiness } from '@holdfast/contract/process';
import { type Endpoint, endpoint } from './endpoint.ts';

/** `reasons`: what is missing, each a phrase without secrets or addresses; empty when ok. */
export type Readiness = () => { readonly ok: boolean; readonly reasons: readonly string[] };

/** The committed document, as the checks compare it with the operations. */
const OPENAPI_FILE = new URL('../../../contract/openapi.json', import.meta.url);

export function processRoutes(ready: Readiness): Endpoint[] {
  const openApiText = readFileSync(OPENAPI_FILE, 'utf8');
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

    endpoint(getOpenApi, async () => ({ ok: true, value: openApiText })),
  ];
}

// How the answering process is, for operators.
import { getStatus, type Status } from '@holdfast/contract/status';
import { type Endpoint, endpoint } from './endpoint.ts';
import type { Readiness } from './process-routes.ts';

/** What the process knows of itself beside its readiness; never rejects, and waits for no store for long. */
export type StatusReading = () => Promise<Omit<Status, 'as_of' | 'ready' | 'reasons'>>;

export function statusRoutes(read: StatusReading, ready: Readiness): Endpoint[] {
  return [
    endpoint(getStatus, async () => {
      const { version, process, stores, workers, invariants, sales } = await read();
      const { ok, reasons } = ready();
      const asOf = new Date().toISOString();
      return {
        ok: true,
        value: {
          as_of: asOf,
          version,
          process,
          ready: ok,
          reasons: [...reasons],
          stores,
          workers,
          invariants,
          sales,
        },
      };
    }),
  ];
}

// Reconciling, for operators who do not want to wait for the worker's next round.
import { reconcile } from '@holdfast/contract/reconcile';
import type { ReconcileVerb } from '../reservations/reconciler.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { reconcileWire } from './reconcile-wire.ts';

export function reconcileRoutes(reconciler: ReconcileVerb): Endpoint[] {
  return [
    endpoint(reconcile, async ({ body }) => {
      const answer = await reconciler.reconcile(body.sale_id ?? null, body.cursor ?? null);
      return answer.ok ? { ok: true, value: reconcileWire(answer.value) } : answer;
    }),
  ];
}

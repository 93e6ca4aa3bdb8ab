// The reference of the confirm verb: pin, commit, apply; where the store does not know the reservation, the ledger's word.
import { type ConfirmDecision, type ConfirmRequest, StaleEpoch } from '../../src/domain/ledger-facts.ts';
import { latestLife } from './lives.ts';
import { lifeKey } from './reference-ledger.ts';
import type { ReferenceProcess } from './reference-process.ts';
import type { Step, Target } from './steps.ts';
import { refused } from './view.ts';

/** A store that changes hands more often is not ready. */
const MAX_EPOCHS = 4;
const LOST = 'reservation-lost';
const REFUSAL_OF = {
  released: 'reservation-released',
  expired: 'reservation-expired',
  lost: LOST,
  refused: LOST,
} as const;
const UNAVAILABLE = refused('unavailable');

export async function confirm(
  process: ReferenceProcess,
  { target, payment, fault }: Extract<Step, { do: 'confirm' }>,
): Promise<unknown> {
  const { world, ledger, server } = process;
  const ref = world.refOf(process.saleNumber, target);
  let coming = fault;
  for (let epochs = 0; epochs < MAX_EPOCHS; epochs++) {
    const [reply] = await process.gated((sale) => sale.pin([ref]));
    if (reply?.kind !== 'pinned') return answerUnpinned(process, reply?.kind ?? 'missing', ref.reservationId);
    const { epoch } = process;
    const request = world.confirmRequest(reply.record, target.owner, payment);
    if (coming === 'unreachable') {
      // Surely nothing was committed: it is given back, if this attempt was the only one.
      await process.gated((sale) => sale.unpin([request]));
      return UNAVAILABLE;
    }
    if (coming === 'stopped-before') return UNAVAILABLE;
    if (coming === 'flushed-before') process.flush();
    if (coming === 'moved-before') server.identity += 1;
    if (coming === 'flushed-before' || coming === 'moved-before') await process.open();
    let decision: ConfirmDecision | undefined;
    try {
      [decision] = ledger.confirm(epoch, [request]);
    } catch (error) {
      if (!(error instanceof StaleEpoch)) throw error;
      coming = null;
      continue;
    }
    if (coming === 'stopped-after') return UNAVAILABLE;
    if (coming === 'flushed-after') process.flush();
    if (decision === undefined) throw new Error('the ledger left a request undecided');
    await process.deliver(decision.seq);
    return decision.kind === 'confirmed' ? decision.order : refused(REFUSAL_OF[decision.kind]);
  }
  return UNAVAILABLE;
}

/** In one transaction of the ledger, in order. */
export async function confirmTogether(
  process: ReferenceProcess,
  targets: readonly Target[],
): Promise<readonly ConfirmDecision[]> {
  const { world, ledger, saleNumber } = process;
  const requests: ConfirmRequest[] = [];
  for (const target of targets) {
    const [reply] = await process.gated((sale) => sale.pin([world.refOf(saleNumber, target)]));
    if (reply?.kind === 'pinned') requests.push(world.confirmRequest(reply.record, target.owner, null));
  }
  const decisions = requests.length === 0 ? [] : ledger.confirm(process.epoch, requests);
  await process.catchUp();
  return decisions;
}

/** The store says that it is resolved, or does not know it. */
function answerUnpinned(
  { ledger }: ReferenceProcess,
  kind: 'released' | 'expired' | 'lost' | 'confirmed' | 'missing',
  reservationId: string,
): unknown {
  if (kind !== 'confirmed' && kind !== 'missing') return refused(REFUSAL_OF[kind]);
  const known = latestLife(ledger, reservationId);
  if (known?.state === 'confirmed')
    return ledger.register.get(lifeKey({ reservationId, createdSeq: known.createdSeq }))?.order;
  return refused(known?.state === 'released' || known?.state === 'expired' ? REFUSAL_OF[known.state] : LOST);
}

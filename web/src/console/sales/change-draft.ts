// What an operator changes of a sale: only what was touched is sent, so that two operators who change different things
// do not undo each other. An emptied time or cooldown is taken away.
import type { ChangeSaleBody, Sale } from '@holdfast/contract/sales';
import { inputOfInstant } from '../filters.ts';
import { type Drafted, readCooldown, readInstant, readWhole } from './sale-draft.ts';

export interface ChangeDraft {
  readonly name: string;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly ttlSeconds: string;
  readonly maxExtensions: string;
  readonly maxLifetimeSeconds: string;
  readonly cooldownExpirations: string;
  readonly cooldownMinutes: string;
}

export function draftOf(sale: Sale): ChangeDraft {
  return {
    name: sale.name,
    opensAt: inputOfInstant(sale.opens_at),
    closesAt: inputOfInstant(sale.closes_at),
    ttlSeconds: String(sale.reservation_ttl_seconds),
    maxExtensions: String(sale.max_extensions),
    maxLifetimeSeconds: String(sale.max_lifetime_seconds),
    cooldownExpirations: String(sale.cooldown?.expirations ?? ''),
    cooldownMinutes: String(sale.cooldown?.minutes ?? ''),
  };
}

/** `from` is the draft as it was opened. An empty body: nothing was changed. */
export function changeBody(from: ChangeDraft, to: ChangeDraft): Drafted<ChangeSaleBody> {
  const problems = new Map<string, string>();
  const body: ChangeSaleBody = {};
  if (to.name !== from.name) body.name = to.name.trim();
  if (to.opensAt !== from.opensAt) body.opens_at = readInstant(problems, '/opens_at', to.opensAt) ?? null;
  if (to.closesAt !== from.closesAt)
    body.closes_at = readInstant(problems, '/closes_at', to.closesAt) ?? null;
  const number = (
    name: 'reservation_ttl_seconds' | 'max_extensions' | 'max_lifetime_seconds',
    was: string,
    is: string,
  ) => {
    if (is === was) return;
    const value = readWhole(problems, `/${name}`, is);
    if (value !== undefined) body[name] = value;
    else if (!problems.has(`/${name}`)) problems.set(`/${name}`, 'must be a whole number');
  };
  number('reservation_ttl_seconds', from.ttlSeconds, to.ttlSeconds);
  number('max_extensions', from.maxExtensions, to.maxExtensions);
  number('max_lifetime_seconds', from.maxLifetimeSeconds, to.maxLifetimeSeconds);
  if (to.cooldownExpirations !== from.cooldownExpirations || to.cooldownMinutes !== from.cooldownMinutes)
    body.cooldown = readCooldown(problems, to) ?? null;
  return problems.size > 0 ? { problems } : { body };
}

// All scenarios in the order in which a round plays them: what is divided by each other lies close together, and what leaves
// something behind for the service to clear away comes last.
import { calls, emptyBun, emptyNode, ledgerRow, naive } from './baselines.ts';
import { expiry } from './expiry.ts';
import { growth } from './growth.ts';
import { journal } from './journal.ts';
import { live } from './live.ts';
import { memory } from './memory.ts';
import { latency, overload, replay } from './open-model.ts';
import { resolved } from './resolved.ts';
import {
  lastItem,
  pairs,
  reads,
  reserveAlways,
  reserveEverysec,
  skus20,
  skus1000,
  soldOut,
  twoProcesses,
} from './saturation.ts';
import type { Scenario } from './scenario.ts';

export const SCENARIOS: readonly Scenario[] = [
  reserveEverysec,
  naive,
  calls,
  emptyNode,
  reserveAlways,
  soldOut,
  emptyBun,
  pairs,
  ledgerRow,
  latency,
  live,
  lastItem,
  reads,
  skus20,
  skus1000,
  replay,
  overload,
  twoProcesses,
  journal,
  growth,
  resolved,
  expiry,
  memory,
];

/** These and what they need, in the order of the program. @throws naming one that there is not */
export function chosen(names: readonly string[] | undefined): readonly Scenario[] {
  if (names === undefined) return SCENARIOS;
  const wanted = new Set<string>();
  const take = (name: string) => {
    const scenario = SCENARIOS.find((each) => each.name === name);
    if (scenario === undefined) throw new Error(`There is no scenario ${name}.`);
    wanted.add(name);
    for (const needed of scenario.needs ?? []) take(needed);
  };
  for (const name of names) take(name);
  return SCENARIOS.filter(({ name }) => wanted.has(name));
}

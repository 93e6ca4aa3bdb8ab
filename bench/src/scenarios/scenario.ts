import type { Company } from '../company.ts';

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Scenarios whose figures of the same round this one needs. */
  readonly needs?: readonly string[];
  /** In a quick run: each round, the first one only, or not at all. A full run plays it each round. */
  readonly inQuick: 'always' | 'once' | 'never';
  /** Plays on a stage of its own, when the round's stage is gone: two services would take time from each other. */
  readonly apart?: true;
  /** @throws BrokenInvariant, or whatever kept it from a result */
  play(company: Company): Promise<void>;
}

// Every scenario of the suite, in the order in which they are played.
import type { Scenario } from './scenario.ts';
import { answerLost } from './scenarios/answer-lost.ts';
import { apiKilled } from './scenarios/api-killed.ts';
import { badNetwork } from './scenarios/bad-network.ts';
import { dueAtOnce } from './scenarios/due-at-once.ts';
import { outOfSpace } from './scenarios/out-of-space.ts';
import { overload } from './scenarios/overload.ts';
import { postgresAway } from './scenarios/postgres-away.ts';
import { powerLoss } from './scenarios/power-loss.ts';
import { redisForgets } from './scenarios/redis-forgets.ts';
import { redisKilled } from './scenarios/redis-killed.ts';
import { redisSlow } from './scenarios/redis-slow.ts';
import { rollingRestarts } from './scenarios/rolling-restarts.ts';
import { staleReplica } from './scenarios/stale-replica.ts';
import { writerKilled } from './scenarios/writer-killed.ts';
import { wrongClocks } from './scenarios/wrong-clocks.ts';

export const SCENARIOS: readonly Scenario[] = [
  apiKilled,
  rollingRestarts,
  redisKilled,
  powerLoss,
  redisForgets,
  staleReplica,
  outOfSpace,
  redisSlow,
  postgresAway,
  answerLost,
  badNetwork,
  wrongClocks,
  writerKilled,
  overload,
  dueAtOnce,
];

/** Faults that this suite does not play, and where they are shown instead. */
export const ELSEWHERE: readonly { readonly number: number; readonly why: string }[] = [
  { number: 7, why: 'Sentinel and Cluster: not supported by this version yet.' },
  { number: 17, why: 'Mutations: `npm run mutations` takes each guard out and shows which test notices.' },
];

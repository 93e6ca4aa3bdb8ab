// Runs one race at a time for the page, and calls it off when the page is left.
import { HoldfastError } from '@holdfast/client';
import type { RaceBody } from '@holdfast/contract/race';
import { useCallback, useEffect, useRef, useState } from 'react';
import { sentenceOf } from '../asking.tsx';
import { useOperator } from '../operator-store.ts';
import { RaceStage } from './race-stage.ts';

export interface RunningRace {
  readonly stage: RaceStage | undefined;
  readonly running: boolean;
  /** It was refused before it began. */
  readonly error: unknown;
  readonly start: (body: RaceBody) => void;
  readonly callOff: () => void;
}

export function useRace(): RunningRace {
  const { client } = useOperator();
  const [stage, setStage] = useState<RaceStage>();
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const controller = useRef<AbortController>(undefined);
  useEffect(() => () => controller.current?.abort(), []);

  const start = useCallback(
    (body: RaceBody) => {
      controller.current?.abort();
      const own = new AbortController();
      controller.current = own;
      setRunning(true);
      setError(null);
      setStage(undefined);
      void follow(client.insight.race(body, { signal: own.signal }), setStage)
        .catch((cause: unknown) => {
          if (!own.signal.aborted) setError(cause);
        })
        .finally(() => {
          if (controller.current === own) setRunning(false);
        });
    },
    [client],
  );
  const callOff = useCallback(() => controller.current?.abort(), []);
  return { stage, running, error, start, callOff };
}

type Race = ReturnType<ReturnType<typeof useOperator>['client']['insight']['race']>;

/** @throws what refused the race before its first line; what comes later is the stage's to tell. */
async function follow(race: Race, onStage: (stage: RaceStage) => void): Promise<void> {
  let stage: RaceStage | undefined;
  try {
    for await (const line of race) {
      if (line.type === 'started') {
        stage = new RaceStage(line.sale_id, line.shoppers, line.units, line.seed);
        onStage(stage);
      } else stage?.take(line);
    }
    stage?.breakOff('The service ended the race without a verdict.');
  } catch (cause) {
    if (stage === undefined) throw cause;
    const calledOff = cause instanceof HoldfastError && cause.code === 'aborted';
    stage.breakOff(calledOff ? 'You called the race off.' : sentenceOf(cause));
  }
}

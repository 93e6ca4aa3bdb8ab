// Whether a process grows under load that lasts.
import { answeredWith, closed, reserves } from '../company.ts';
import { residentBytes, workersOf } from '../cpu-time.ts';
import { type Told, together, toldBy } from '../verify.ts';
import { open, visitsOf } from './open-model.ts';
import { apart } from './saturation.ts';
import type { Scenario } from './scenario.ts';

const LOAD_SHARE = 0.7;
const PIECE_SECONDS = 10;
const EARLY_MINUTES = 2;
const LASTS_MS = 20_000;
const SATURATION_SECONDS = 3;
const CONNECTIONS = 500;

export const memory: Scenario = {
  name: 'memory',
  title: 'Resident memory of a process under ten minutes of load',
  inQuick: 'never',
  apart: true,
  play: (company) =>
    apart(company, async (stage, sale) => {
      const [worker] = workersOf(stage.service.pid);
      if (worker === undefined) return; // No /proc here.
      const most = await company.serve(
        stage,
        reserves(sale.skus, SATURATION_SECONDS),
        closed(SATURATION_SECONDS),
      );
      const perSecond = (answeredWith(most.outcome, 'reserve', 201) / most.outcome.seconds) * LOAD_SHARE;
      const told: Told[] = [toldBy(most.outcome)];
      const startedMs = performance.now();
      const minutes = () => (performance.now() - startedMs) / 60_000;
      let early: number | undefined;
      while (minutes() < company.extent.memoryMinutes) {
        const visits = { ...visitsOf(sale.skus, false), expireAtMs: Date.now() + LASTS_MS };
        const piece = await company.serve(stage, visits, open(perSecond, PIECE_SECONDS, CONNECTIONS));
        told.push(toldBy(piece.outcome));
        if (minutes() >= EARLY_MINUTES) early ??= residentBytes(worker);
      }
      company.note('memory.perSecond', perSecond);
      if (early !== undefined) company.note('memory.earlyBytes', early);
      company.note('memory.lateBytes', residentBytes(worker) ?? 0);
      await company.settle(stage, sale, together(told));
    }),
};

// Scenario 15: three times more customers than the machine can serve, for a minute; and everybody at once when a sale opens.
import { operator } from '../../harness/service.ts';
import type { Act } from '../act.ts';
import { LOOPS } from '../crowd.ts';
import { mostMibDuring, residentMib } from '../memory.ts';
import { everybodyComes } from '../opening.ts';
import type { Company, Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { type Outcome, Surge, within } from '../surge.ts';

/** Offered, as a multiple of what a closed loop is served. */
const TIMES = 3;
/** Beyond it a customer finds no connection, as behind any front end. */
const CONNECTIONS = 3_000;
const OPENING_CLIENTS = 5_000;
const OPENING_STOCK = 1_000;
/** Time for 5,000 connections, tokens and pages. */
const OPENS_IN_MS = 15_000;
const PLENTY = 2_000_000;
const QUIET_SECONDS = 5;

export const overload: Scenario = {
  number: 15,
  title: '3 × saturation; 5,000 clients at the opening second',
  about:
    'A closed loop finds what the machine serves, the load generator included, which shares its cores. Then customers arrive at three times that rate, whatever becomes of those before them, over at most 3,000 connections; nobody tries again. Then 5,000 customers, each with a connection and a token of their own, ask within the second in which a sale opens, some of them too early. The figures are what this machine gave, and promise nothing; nothing may be oversold, nobody refused wrongly, and the service is to serve as before afterwards.',
  inShort: false,
  play: async (company) => {
    const stage = await company.stage();
    await saturate(company, stage);
    await openSale(company, stage);
  },
};

async function saturate(company: Company, stage: Stage): Promise<void> {
  const seconds = company.scale(60, 10);
  const measured = company.scale(10, 4);
  const pids = () => stage.services.flatMap((service) => service.pids);
  await company.act(
    `${TIMES} × saturation for ${seconds} s`,
    stage,
    async (act) => {
      const { sale, diary, seed } = act;
      const surge = new Surge({ places: () => stage.places, sale, diary, seed });
      await act.ownLoad(() => surge.closed(LOOPS, 2));
      const peak = (await act.ownLoad(() => surge.closed(LOOPS, measured))).decided / measured;
      act.note(
        `${LOOPS} customers at a time: ${Math.round(peak).toLocaleString('en')} reserves a second were decided.`,
      );

      const before = residentMib(pids());
      let outcome: Outcome | undefined;
      const most = await mostMibDuring(pids, async () => {
        outcome = await act.ownLoad(() => surge.open(TIMES * peak, seconds, CONNECTIONS));
      });
      if (outcome !== undefined) noteOutcome(act, outcome, peak, seconds);

      await act.recovers('the surge is over', undefined, async () => undefined);
      const after = (await act.ownLoad(() => surge.closed(LOOPS, measured))).decided / measured;
      await act.goOn(QUIET_SECONDS);
      act.note(
        `Afterwards ${Math.round(after).toLocaleString('en')} a second were decided again (${percent(after, peak)}). Memory of the services: ${Math.round(before)} MiB before, at most ${Math.round(most)} during, ${Math.round(residentMib(pids()))} after.`,
      );
    },
    { plenty: PLENTY },
  );
}

function noteOutcome(act: Act, outcome: Outcome, peak: number, seconds: number): void {
  const { grantedMs, refusedMs, turnedAwayMs, unanswered, notSent, decided } = outcome;
  const p99 = (times: Outcome['grantedMs']) => `99 % within ${Math.round(within(times, 0.99))} ms`;
  act.note(
    `At ${TIMES} × that: goodput ${percent(decided / seconds, peak)} of it; ${grantedMs.length.toLocaleString('en')} granted, ${p99(grantedMs)}; ` +
      `${refusedMs.length.toLocaleString('en')} refused, ${p99(refusedMs)}; ${turnedAwayMs.length.toLocaleString('en')} told to come again, ${p99(turnedAwayMs)}; ` +
      `${unanswered.toLocaleString('en')} without an answer; ${notSent.toLocaleString('en')} arrived while all ${CONNECTIONS.toLocaleString('en')} connections were busy.`,
  );
}

async function openSale(company: Company, stage: Stage): Promise<void> {
  const clients = company.scale(OPENING_CLIENTS, 2_000);
  await company.act(
    `${clients.toLocaleString('en')} clients at the opening second`,
    stage,
    async (act) => {
      const { text } = await operator(stage.url).get(`/api/v1/sales/${act.sale.id}`);
      const { opens_at } = JSON.parse(text) as { opens_at: string };
      const opensAtMs = Date.parse(opens_at) - performance.timeOrigin;
      const opening = await act.ownLoad(() => everybodyComes(act, clients, opensAtMs));
      const { grantedMs, refusedMs, early, askedAgain, neverAnswered, lastMs } = opening;
      act.expect(
        neverAnswered === 0,
        `${neverAnswered} customers got nothing but "come again" for half a minute`,
      );
      act.note(
        `${grantedMs.length.toLocaleString('en')} granted, 99 % within ${Math.round(within(grantedMs, 0.99))} ms of being asked; ${refusedMs.length.toLocaleString('en')} refused, 99 % within ${Math.round(within(refusedMs, 0.99))} ms; ` +
          `${early.toLocaleString('en')} came too early, ${askedAgain.toLocaleString('en')} requests were to come again; the last final answer came ${(lastMs / 1_000).toFixed(1)} s after the opening.`,
      );
    },
    { opensInMs: OPENS_IN_MS, hotStock: OPENING_STOCK },
  );
}

function percent(part: number, whole: number): string {
  return `${Math.round((part / whole) * 100)} %`;
}

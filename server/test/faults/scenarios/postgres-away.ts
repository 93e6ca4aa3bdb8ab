// Scenario 10: PostgreSQL is killed again and again, stopped, away for a minute; the hot row is locked, connections are
// exhausted, backends are terminated. Reserving goes on; confirms are told to come again, and each gets its one order.
import { SQL } from 'bun';
import { seededRandom } from '../../harness/seeded-random.ts';
import type { Act } from '../act.ts';
import { type Scenario, times } from '../scenario.ts';
import { childrenOf, type Stage } from '../stage.ts';

const LIVE = 10_000;
/** P10. */
const RESTART_LIMIT_MS = 5_000;

export const postgresAway: Scenario = {
  number: 10,
  title: 'PostgreSQL killed, stopped, away, locked, exhausted',
  about:
    'PostgreSQL (durable: fsync on) is killed with SIGKILL under load and restarted; frozen; away; a transaction holds the hot row; every connection is taken; backends are terminated at random. Recovery is from the start of the restart to the first confirmed order. Only that is excused: while PostgreSQL is away, reservations still expire within 2 s of their deadline.',
  inShort: true,
  play: async (company) => {
    const stage = await company.stage();
    const kills = company.scale(20, 3);
    await company.act(`PostgreSQL killed ${times(kills)}`, stage, async (act) => {
      await act.keepLive(LIVE);
      act.load();
      for (let kill = 1; kill <= kills; kill += 1) {
        await act.goOn(company.scale(2, 1));
        await stage.postgres.kill9();
        await act.recovers(
          'PostgreSQL restarted',
          RESTART_LIMIT_MS,
          () => stage.postgres.restart(),
          'confirm',
        );
      }
      await act.goOn(2);
    });
    const stoppedSeconds = company.scale(10, 4);
    const awaySeconds = company.scale(60, 6);
    await company.act(
      `stopped for ${stoppedSeconds} s, then away for ${awaySeconds} s`,
      stage,
      async (act) => {
        act.load({ thinkMs: 60 });
        await act.goOn(2);
        const pids = [stage.postgres.pid, ...childrenOf(stage.postgres.pid)];
        for (const pid of pids) signal(pid, 'SIGSTOP');
        await reservingGoesOn(act, 'stopped', stoppedSeconds);
        const thaw = async () => {
          for (const pid of pids) signal(pid, 'SIGCONT');
        };
        await act.recovers('PostgreSQL continued', RESTART_LIMIT_MS, thaw, 'confirm');
        await act.goOn(1);
        await stage.postgres.stop();
        await reservingGoesOn(act, 'away', awaySeconds);
        await act.recovers(
          'PostgreSQL started again',
          RESTART_LIMIT_MS,
          () => stage.postgres.restart(),
          'confirm',
        );
        await act.goOn(2);
      },
    );
    await company.act('hot row locked, connections exhausted, backends terminated', stage, async (act) => {
      act.load({ thinkMs: 20 });
      await act.goOn(1);
      await lockTheHotRow(act, company.scale(30, 4));
      await act.goOn(1);
      await exhaustConnections(act, company.scale(10, 3));
      await act.goOn(1);
      const terminated = await terminateBackends(stage, company.seed, company.scale(15, 4));
      act.note(`${terminated} backends were terminated at random.`);
      await act.goOn(2);
    });
  },
};

/** New reservations are granted all the while, on the lease that Redis holds. */
async function reservingGoesOn(act: Act, how: string, seconds: number): Promise<void> {
  const before = act.diary.tally.accepted;
  await act.goOn(seconds);
  const accepted = act.diary.tally.accepted - before;
  act.note(
    `While PostgreSQL was ${how} for ${seconds} s, ${accepted.toLocaleString('en')} reservations were granted.`,
  );
  act.expect(accepted > 0, `no reservation was granted while PostgreSQL was ${how}`);
}

async function lockTheHotRow(act: Act, seconds: number): Promise<void> {
  const sql = new SQL(act.stage.postgres.url, { max: 1 });
  const before = act.diary.tally.accepted;
  try {
    await sql.begin(async (held) => {
      await held`SELECT 1 FROM holdfast.item WHERE sale = ${act.sale.number} AND sku = ${act.sale.hot} FOR UPDATE`;
      await act.goOn(seconds);
    });
  } finally {
    await sql.close({ timeout: 0 });
  }
  act.expect(act.diary.tally.accepted > before, 'no reservation was granted while the hot row was locked');
}

/** Takes every connection that the server gives, and ends those that the services had. */
async function exhaustConnections(act: Act, seconds: number): Promise<void> {
  const hogs: SQL[] = [];
  const endMs = performance.now() + seconds * 1000;
  try {
    while (performance.now() < endMs) {
      const hog = new SQL(act.stage.postgres.url, { max: 1 });
      hogs.push(hog);
      const got = await hog`SELECT 1`.then(
        () => true,
        () => false,
      );
      const first = hogs[0];
      if (!got && first !== undefined) {
        await first`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast'`.catch(
          () => undefined,
        );
        await Bun.sleep(50);
      }
    }
  } finally {
    await Promise.all(hogs.map((hog) => hog.close({ timeout: 0 }).catch(() => undefined)));
  }
}

const TERMINATE_EVERY_MS = 100;

async function terminateBackends(stage: Stage, seed: number, seconds: number): Promise<number> {
  const random = seededRandom(seed);
  const sql = stage.sql(1);
  let terminated = 0;
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs) {
    const rows = await sql`SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast' ORDER BY pid`;
    const victim = rows[Math.floor(random() * rows.length)];
    if (victim !== undefined) {
      await sql`SELECT pg_terminate_backend(${victim.pid})`;
      terminated += 1;
    }
    await Bun.sleep(TERMINATE_EVERY_MS);
  }
  return terminated;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // A backend that has ended meanwhile.
  }
}

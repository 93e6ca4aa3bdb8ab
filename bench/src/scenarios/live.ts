// What those who watch cost those who reserve: the same load twice on items of the same stage, without anybody watching and
// with thousands of WebSockets on the one item that changes with every reserve.
import type { Company } from '../company.ts';
import { Watchers } from '../load/watchers.ts';
import type { Summary } from '../percentiles.ts';
import { toldBy } from '../verify.ts';
import { need, open, visitsOf } from './open-model.ts';
import { PLENTY } from './saturation.ts';
import type { Scenario } from './scenario.ts';

const SOCKETS = 5_000;
const SHARE = 0.5;
const CONNECTIONS = 1_000;
/** Longer than other measurements: the looks of a watched sale come half a second apart. */
const TIMES_LONGER = 2;

export const live: Scenario = {
  name: 'live',
  title: 'Reserves while 5,000 WebSockets watch the item',
  needs: ['reserve-always'],
  inQuick: 'once',
  async play(company) {
    await company.stage.fsync('always');
    company.noteTimes('live.alone', await reserves(company));
    company.noteTimes('live.watched', await reserves(company, SOCKETS));
  },
};

async function reserves(company: Company, sockets = 0): Promise<Summary> {
  const { stage, extent } = company;
  const sale = await stage.sale(1, PLENTY);
  const [sku = ''] = sale.skus;
  const seconds = extent.seconds * TIMES_LONGER;
  const pace = open(need(company, 'reserve.always.perSecond') * SHARE, seconds, CONNECTIONS);
  const watchers = sockets > 0 ? await Watchers.watching({ place: stage.place, sku, sockets }) : undefined;
  try {
    const before = await watchers?.count();
    const { outcome } = await company.serve(stage, visitsOf(sale.skus, false), pace);
    const after = await watchers?.count();
    if (before && after) {
      if (after.open !== sockets) throw new Error(`${after.open} of ${sockets} still watch`);
      company.note('live.messagesPerSecond', (after.messages - before.messages) / outcome.seconds);
    }
    const times = outcome.answers['reserve 201'];
    if (times === undefined) throw new Error('nobody was served');
    await company.settle(stage, sale, toldBy(outcome));
    return times;
  } finally {
    await watchers?.stop();
  }
}

// Scenario 11: the connection to PostgreSQL is cut after the COMMIT of a batch of confirms was sent and before its answer:
// nobody knows whether there is an order. The retry must get it, the same one, exactly one.
import type { Act } from '../act.ts';
import { whenExecuted } from '../proxy.ts';
import type { Scenario } from '../scenario.ts';

export const answerLost: Scenario = {
  number: 11,
  title: 'The connection cut after COMMIT was sent',
  about:
    'A proxy before PostgreSQL lets the statement that confirms a batch through and cuts the connection before its answer comes back. Every customer of the batch is told 503 and asks again.',
  inShort: true,
  play: async (company) => {
    const stage = await company.stage({ proxied: ['postgres'] });
    await company.act('cut between COMMIT and its answer', stage, async (act: Act) => {
      let cut = 0;
      let armed = false;
      for (const proxy of stage.proxies('postgres')) {
        proxy.setTrap({
          direction: 'to-server',
          // Looks on from the beginning: a connection tells the statement's text once, before the first batch.
          make: () => {
            const isExecuted = whenExecuted('confirm_batch')();
            return (piece) => isExecuted(piece) && armed;
          },
          does: 'cut',
          onSprung: () => {
            cut += 1;
          },
        });
      }
      act.load({ endings: ['confirm', 'confirm twice', 'release'], thinkMs: 20 });
      for (let round = 1; round <= company.scale(60, 12); round += 1) {
        await act.goOn(0.5);
        armed = true;
        await act.goOn(0.1);
        armed = false;
      }
      for (const proxy of stage.proxies('postgres')) proxy.release();
      act.note(`${cut} batches were cut off between their COMMIT and its answer.`);
      act.expect(cut > 0, 'no batch was cut off: the scenario shows nothing');
      await act.goOn(1);
    });
  },
};

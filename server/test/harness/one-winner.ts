// One reservation, many who want to end it: however confirm, release and expiry were thrown at it, all answers must
// tell of one end, and of the same one.
import { expect } from 'bun:test';
import type { Caller, Reply } from './service.ts';
import { until } from './until.ts';

export type Winner = 'confirmed' | 'released' | 'expired';

/** Everything that was answered about one reservation while it was raced for. */
export interface RaceAnswers {
  readonly confirms: readonly Reply[];
  readonly releases: readonly Reply[];
  readonly reads: readonly Reply[];
}

/** What each verb may answer, given how the reservation ended: a status where it took effect, else a problem code. */
const CONFIRM_MAY_SAY = {
  confirmed: ['200'],
  released: ['reservation-released'],
  expired: ['reservation-expired'],
} as const;
const RELEASE_MAY_SAY = {
  confirmed: ['already-confirmed', 'confirm-in-progress'],
  released: ['200'],
  expired: ['reservation-expired'],
} as const;

/** How the reservation ended, once it has. Fails unless every answer of the race agrees with it. */
export async function oneWinner(shopper: Caller, id: string, answers: RaceAnswers): Promise<Winner> {
  const final = await until('the reservation has ended', async () => {
    const reply = await answered(() => shopper.get(`/api/v1/reservations/${id}`));
    return !['active', 'confirming'].includes(reply.body.status) && reply;
  });
  const winner = final.body.status as Winner;
  expect(['confirmed', 'released', 'expired']).toContain(winner);
  for (const reply of answers.confirms)
    expect(CONFIRM_MAY_SAY[winner] as readonly string[]).toContain(word(reply));
  for (const reply of answers.releases)
    expect(RELEASE_MAY_SAY[winner] as readonly string[]).toContain(word(reply));
  for (const { body } of answers.reads) expect(['active', 'confirming', winner]).toContain(body.status);
  // Whoever was told yes was told the same, byte for byte.
  for (const replies of [answers.confirms, answers.releases]) {
    const texts = replies.filter(({ status }) => status === 200).map(({ text }) => text);
    expect(new Set(texts).size).toBeLessThanOrEqual(1);
  }
  return winner;
}

/** The answer, asked for again while it is 503: on a machine that is slow for a moment that is right, and no outcome. */
export async function answered(send: () => Promise<Reply>): Promise<Reply> {
  return await until('the service answers', async () => {
    const reply = await send();
    return reply.status !== 503 && reply;
  });
}

function word({ status, body }: Reply): string {
  return status === 200 ? '200' : body.code;
}

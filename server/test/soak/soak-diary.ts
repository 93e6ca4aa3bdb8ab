// The diary of a load whose answers are sorted as well: by what was asked, what came, and when.
import { codeOf, Diary, type Visit } from '../faults/diary.ts';
import type { Answer } from '../faults/wire.ts';
import type { Answers } from './answers.ts';

export class SoakDiary extends Diary {
  constructor(private readonly answers: Answers) {
    super();
  }

  override reserved(visit: Visit, sentAtMs: number, answer: Answer | undefined): void {
    this.note('reserve', sentAtMs, answer);
    super.reserved(visit, sentAtMs, answer);
  }

  override confirmed(visit: Visit, sentAtMs: number, answer: Answer | undefined): void {
    this.note('confirm', sentAtMs, answer);
    super.confirmed(visit, sentAtMs, answer);
  }

  override released(visit: Visit, sentAtMs: number, answer: Answer | undefined): void {
    this.note('release', sentAtMs, answer);
    super.released(visit, sentAtMs, answer);
  }

  override extended(visit: Visit, sentAtMs: number, byMs: number, answer: Answer | undefined): void {
    this.note('extend', sentAtMs, answer);
    super.extended(visit, sentAtMs, byMs, answer);
  }

  private note(what: string, sentAtMs: number, answer: Answer | undefined): void {
    this.answers.note({
      what,
      status: answer?.status ?? 0,
      code: answer === undefined ? 'no-answer' : answer.status < 400 ? '' : codeOf(answer),
      sentAtMs,
      endedAtMs: answer?.atMs ?? performance.now(),
    });
  }
}

// The journal as a file: streamed page by page as it is read, so that its length costs no memory. It holds nothing of the
// ledger between two pages, and ends by itself: after so many rows, so much time, or when nobody takes it any more.
import { MAX_CSV_ROWS } from '@holdfast/contract/admin-audit';
import type { Refusal } from '@holdfast/contract/problems';
import type { AuditRow } from '../ledger/findings.ts';
import type { FoundPage } from '../reservations/operator-desk.ts';
import type { Answer } from '../reservations/reservations.ts';
import { auditWire, CSV_HEAD, csvCut, csvLine } from './audit-wire.ts';

/** Rows read, and written, at a time. */
const PAGE_ROWS = 500;
/** After this long the file is cut, and says so. */
const FILE_MS = 60_000;
/** A reader that has not taken the next piece by then is let go. */
const STALLED_MS = FILE_MS + 30_000;
/** Files under way in one process. */
const FILES_MAX = 2;

const BUSY: Refusal = {
  code: 'unavailable',
  detail: 'Other files are being written. Try again when they are done.',
  retryAfterSeconds: 5,
};

export type NextPage = (limit: number, cursor: string | null) => Promise<Answer<FoundPage<AuditRow>>>;

export class AuditFiles {
  private underWay = 0;

  constructor(private readonly rowsMax: number = MAX_CSV_ROWS) {}

  /** The file from `cursor` on; its first page is read before it begins, so that a refusal is still an answer. */
  async open(nextPage: NextPage, cursor: string | null): Promise<Answer<ReadableStream<Uint8Array>>> {
    if (this.underWay >= FILES_MAX) return { ok: false, refusal: BUSY };
    this.underWay += 1;
    let handedOver = false;
    try {
      const first = await nextPage(PAGE_ROWS, cursor);
      if (!first.ok) return first;
      handedOver = true;
      return { ok: true, value: this.stream(first.value, nextPage) };
    } finally {
      if (!handedOver) this.underWay -= 1;
    }
  }

  private stream(first: FoundPage<AuditRow>, nextPage: NextPage): ReadableStream<Uint8Array> {
    const pieces = written(first, nextPage, this.rowsMax, performance.now() + FILE_MS);
    const bytes = new TextEncoder();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = () => {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      this.underWay -= 1;
    };
    return new ReadableStream<Uint8Array>(
      {
        start(controller) {
          timer = setTimeout(() => {
            end();
            controller.error(new Error('the file was not taken in time'));
          }, STALLED_MS);
        },
        async pull(controller) {
          const piece = await pieces.next();
          if (timer === undefined) return;
          if (!piece.done) return controller.enqueue(bytes.encode(piece.value));
          end();
          controller.close();
        },
        cancel: end,
      },
      { highWaterMark: 1 },
    );
  }
}

async function* written(
  first: FoundPage<AuditRow>,
  nextPage: NextPage,
  rowsMax: number,
  endsAtMs: number,
): AsyncGenerator<string, void, undefined> {
  yield CSV_HEAD;
  let rows = 0;
  for (let page = first; ; ) {
    rows += page.rows.length;
    if (page.rows.length > 0) yield page.rows.map((row) => csvLine(auditWire(row))).join('');
    const { next } = page;
    if (next === null) return;
    if (rows >= rowsMax) return yield csvCut(`the file is full: ${rows} rows`, next);
    if (performance.now() >= endsAtMs) return yield csvCut('it took too long', next);
    const answer = await nextPage(Math.min(PAGE_ROWS, rowsMax - rows), next).catch(() => null);
    if (!answer?.ok) return yield csvCut('the ledger could not be read on', next);
    page = answer.value;
  }
}

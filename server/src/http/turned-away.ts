// The answer to a reserve that comes when too many wait: everything of it that can be is made in advance, so that it costs
// the least that an answer can.
import { PROBLEM_MEDIA_TYPE } from '@holdfast/contract/problem-body';
import { type ResponseHeaders, requestIdOf } from './call.ts';
import { TOO_MANY_WAIT } from './door.ts';
import { problemHeaders, problemStatus, problemText } from './problem-response.ts';

const STATUS = problemStatus(TOO_MANY_WAIT);
/** No request id looks like it. */
const MARK = '{}';
const [BEFORE_ID = '', AFTER_ID = ''] = problemText(TOO_MANY_WAIT, MARK).split(MARK);
const HEADERS = {
  ...problemHeaders(TOO_MANY_WAIT, new Request('http://localhost/')),
  'content-type': PROBLEM_MEDIA_TYPE,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

export function turnedAway(request: Request, cors: ResponseHeaders): Response {
  const requestId = requestIdOf(request);
  const headers = { ...HEADERS, ...cors, 'x-request-id': requestId };
  return new Response(BEFORE_ID + requestId + AFTER_ID, { status: STATUS, headers });
}

import type { Fragment, Statements } from './connection.ts';

/**
 * In a SELECT of the transaction: from here on it meets every table by its key, whatever old statistics suggest. Without any,
 * bitmaps would have a whole index read for each row, to spare looking at two.
 */
export function rowsByKey(sql: Statements): Fragment {
  return sql`set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
             set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
             set_config('jit', 'off', true)`;
}

// The beginning of a list that the SDK reads page by page.

export interface Beginning<Row> {
  readonly rows: readonly Row[];
  /** There are more. */
  readonly cut: boolean;
}

export async function atMost<Row>(list: AsyncIterable<Row>, limit: number): Promise<Beginning<Row>> {
  const rows: Row[] = [];
  for await (const row of list) {
    if (rows.length === limit) return { rows, cut: true };
    rows.push(row);
  }
  return { rows, cut: false };
}

// The report for a terminal.
import {
  bound,
  CHECKED,
  caution,
  type Report,
  type Section,
  sectionsOf,
  spread,
  VERDICTS,
  written,
} from './report.ts';

export function asText(report: Report): string {
  const { machine, versions, date, command, seed, seconds, rounds } = report;
  const ratios: Section = {
    title: `What it must show (medians of ${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'}, each ratio within one round)`,
    head: ['measured', 'must', 'aim', '', rounds.length > 1 ? 'rounds' : ''],
    lines: report.rows.map((row) => [
      row.goal.row,
      written(row.measured, row.goal.unit),
      bound(row.goal, row.goal.must),
      bound(row.goal, row.goal.aim),
      VERDICTS[row.verdict],
      spread(row),
    ]),
  };
  return [
    '',
    ...[ratios, ...sectionsOf(report)].flatMap((section) => [...lined(section), '']),
    `${machine}; ${versions}`,
    caution(report),
    `${date}, ${Math.round(seconds)} s, seed ${seed}: ${command}`,
    CHECKED,
  ].join('\n');
}

/** Columns as wide as what is in them; the first one to the left, figures to the right. */
function lined({ title, head, lines }: Section): string[] {
  const all = [['', ...head], ...lines.map((cells) => [...cells])];
  const columns = Math.max(...all.map((cells) => cells.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...all.map((cells) => (cells[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    `  ${widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')}`.trimEnd();
  return [title, ...all.map(line).filter((text) => text !== '')];
}

// The report as one page without anything from elsewhere: readable on dark and light screens, curves as inline SVG.
import { curvesAsSvg } from './curves.ts';
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

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #6a737d; --rule: #d8dee4; --good: #1a7f37; --bad: #cf222e; --one: #0969da; --two: #bc4c00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --faint: #8d96a0; --rule: #30363d; --good: #3fb950; --bad: #f85149; --one: #4493f8; --two: #f0883e; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.faint, small { color: var(--faint); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--rule); padding: .35rem .6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
td small { display: block; }
.aim, .must { color: var(--good); } .missed { color: var(--bad); font-weight: 600; } .not-measured { color: var(--faint); }
svg { width: 100%; height: auto; } svg text { fill: var(--faint); font-size: 12px; } svg .axis { stroke: var(--rule); }
svg .p50 { stroke: var(--one); fill: none; stroke-width: 2; } svg .p99 { stroke: var(--two); fill: none; stroke-width: 2; }
svg circle.p50 { fill: var(--one); } svg circle.p99 { fill: var(--two); } svg text.p50 { fill: var(--one); stroke: none; } svg text.p99 { fill: var(--two); stroke: none; }
code { font-family: ui-monospace, monospace; }
`;

export function asHtml(report: Report): string {
  const { date, machine, versions, command, seed, seconds, rounds } = report;
  const curves = curvesAsSvg(report.curve);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast bench, ${text(date)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Holdfast bench</h1>
<p><code>${text(command)}</code>, seed ${seed}, ${text(date)}, ${Math.round(seconds)} s.<br>
${text(machine)}; ${text(versions)}.</p>
<p class="faint">${text(caution(report))} Medians of
${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'}, each ratio within one round. ${CHECKED}</p>
<h2>What it must show</h2>
${goals(report)}
${curves === '' ? '' : `<h2>How long an accepted reserve takes, by load</h2>\n${curves}`}
${sectionsOf(report).map(section).join('\n')}
</body>
</html>
`;
}

function goals({ rows }: Report): string {
  const head = ['', 'measured', 'must', 'aim', '', 'rounds'];
  const lines = rows.map((row) => {
    const { goal, verdict } = row;
    return (
      `<tr><td>${text(goal.row)}<small>${text(goal.how)}</small></td>` +
      `<td><b>${text(written(row.measured, goal.unit))}</b></td>` +
      `<td>${text(bound(goal, goal.must))}</td><td>${text(bound(goal, goal.aim))}</td>` +
      `<td class="${verdict.replace(' ', '-')}">${text(VERDICTS[verdict])}</td><td>${text(spread(row))}</td></tr>`
    );
  });
  return tableOf(head, lines);
}

function section({ title, head, lines }: Section): string {
  const rows = lines.map((cells) => `<tr>${cells.map((cell) => `<td>${text(cell)}</td>`).join('')}</tr>`);
  return `<h2>${text(title)}</h2>\n${tableOf(title.startsWith('Waiting, by load') ? head : ['', ...head], rows)}`;
}

function tableOf(head: readonly string[], rows: readonly string[]): string {
  const cells = head.map((cell) => `<th scope="col">${text(cell)}</th>`).join('');
  return `<div class="wide"><table><thead><tr>${cells}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table></div>`;
}

function text(plain: string): string {
  return plain
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

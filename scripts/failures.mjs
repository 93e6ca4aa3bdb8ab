// What of a test run's output somebody needs who reads only its end: each failed test, with its file and what was printed
// between the result before it and its own. Files that run together take turns in the output; each turn begins with the
// file's name.
const FILE = /^(\S+\.test\.[cm]?[jt]sx?):$/;
const RESULT = /^\((pass|fail|skip|todo)\) /;
/** A test; a file whose process ended before its tests did; and what was thrown outside any test. */
const FAILURE = /^\(fail\) |^✗ |^# Unhandled error/;
/** Why a test failed, below its line; around what was thrown outside any. */
const MORE = /^ {2}\^ |^-{5,}$/;
/** Below it the runner names its failures again. */
const SUMMARY = /^\d+ tests? failed:$/;

/** The first failures and the end of what each printed: a run in which everything fails is not told twice. */
const FAILURES_SHOWN = 10;
const LINES_SHOWN = 60;

/**
 * `output`: what Bun's runner printed, without colours. Returns the lines to show, none if nothing failed. What is
 * left out is counted.
 */
export function failures(output) {
  const found = [];
  let file = '';
  let before = [];
  for (const line of output.split('\n')) {
    if (SUMMARY.test(line)) break;
    const named = FILE.exec(line);
    if (named) file = named[1];
    else if (FAILURE.test(line)) found.push(['', `${file}:`, ...ending(before), line]);
    else if (MORE.test(line)) found.at(-1)?.push(...ending(before), line);
    else if (!RESULT.test(line)) {
      before.push(line);
      continue;
    }
    before = [];
  }
  const left = found.length - FAILURES_SHOWN;
  const shown = found.slice(0, FAILURES_SHOWN).flat();
  return left > 0 ? [...shown, '', `and ${left} more`] : shown;
}

function ending(lines) {
  const left = lines.length - LINES_SHOWN;
  return left > 0 ? [`(${left} lines before)`, ...lines.slice(left)] : lines;
}

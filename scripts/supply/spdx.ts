// Licence expressions as packages write them (SPDX 2.3, annex D): identifiers, AND, OR, parentheses, and WITH.

/**
 * Whether an expression can be met with the allowed licences alone: one side of an OR is enough, both of an AND are needed. What cannot be
 * read is not allowed; nor is an exception (WITH) unless the whole pair is on the list.
 */
export function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const either = (): boolean => {
    let met = both();
    while (tokens[at] === 'OR') {
      at += 1;
      met = both() || met;
    }
    return met;
  };
  const both = (): boolean => {
    let met = one();
    while (tokens[at] === 'AND') {
      at += 1;
      met = one() && met;
    }
    return met;
  };
  const one = (): boolean => {
    if (tokens[at] !== '(') return named();
    at += 1;
    const met = either();
    if (tokens[at] !== ')') return false;
    at += 1;
    return met;
  };
  const named = (): boolean => {
    const licence = tokens[at++] ?? '';
    if (tokens[at] !== 'WITH') return allowed.has(licence);
    at += 1;
    return allowed.has(`${licence} WITH ${tokens[at++] ?? ''}`);
  };
  const met = either();
  return met && at === tokens.length;
}

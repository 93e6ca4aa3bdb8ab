// What is sent as query parameters: values that each kind of parameter must refuse.

/** Wrong for a parameter of any kind. */
export const NEVER = [
  '',
  '%00',
  'A%00',
  '%0d%0aSet-Cookie:x',
  '%1b%5b2J',
  '%ff',
  '%ed%a0%80',
  '%e2%80%8b',
  'x'.repeat(1_001),
];
/** Tricks against what might stand behind a parameter: SQL, patterns, templates, paths, objects. */
const TRICKS = [
  "' OR 1=1--",
  "'; DROP TABLE holdfast.journal;--",
  '%',
  '_',
  '\\',
  '$1',
  '.*',
  '(a+)+$',
  '[',
  '{{7*7}}',
  '#{7*7}',
  '../../etc/passwd',
  '__proto__',
  '*',
  'null',
  'undefined',
  'NaN',
];
const NUMBERS = [
  '0',
  '-1',
  '-0',
  '+1',
  ' 1',
  '1 ',
  '1.5',
  '1e2',
  '0x10',
  '1,000',
  '201',
  '86401',
  '4294967297',
];
const HUGE = ['9007199254740993', '1e309', '9'.repeat(400), 'Infinity', '１', '٣'];
const INSTANTS = [
  '2031-02-30T00:00:00Z',
  '2031-13-01T00:00:00Z',
  '2031-11-27T24:00:01Z',
  '2031-11-27T23:59:60Z',
  '2031-11-27',
  '2031-11-27T09:00:00',
  '2031-11-27 09:00:00Z',
  '2031-11-27T09:00:00.0001Z',
  '2031-11-27T09:00:00+99:99',
  '+275760-09-13T00:00:00Z',
  '-271821-04-20T00:00:00Z',
  '1764234000',
  'now',
  'infinity',
];

/** By parameter: what is refused. What is not named here is an id, or a choice of words. */
export const REFUSED: Readonly<Record<string, readonly string[]>> = {
  limit: [...NUMBERS, ...HUGE, ...TRICKS],
  step: [...NUMBERS.filter((text) => text !== '201'), ...HUGE, ...TRICKS],
  from: [...INSTANTS, ...HUGE, ...TRICKS],
  to: [...INSTANTS, ...HUGE, ...TRICKS],
  cursor: [...TRICKS, 'A'.repeat(513), 'a b', '[]', '{}', 'bnVsbA', 'W10', 'e30'],
  // A customer may have any printable name but for braces.
  customer: ['{x}', 'a\u0410', 'x'.repeat(129)],
};
export const ID_REFUSED = [
  ...TRICKS.filter((text) => !/^[a-zA-Z]+$/.test(text)),
  'a b',
  'x'.repeat(65),
  '\u0410',
];

// What the library leaves in the stream, read back: the journal has nothing else to go by.
import { describe, expect, test } from 'bun:test';
import { readStreamEntry } from './records.ts';

const id = (letter: string) => letter.repeat(22);

describe('a-stream-entry', () => {
  test('of-what-one-call-reserved-is-one-transition-each-under-the-body-before-it', () => {
    const reserved =
      `= 300 2300 f1 A*1 ${id('a')} ${id('x')} ${id('b')} ${id('y')} ` +
      `= 60 1060 f2 A*2,B*1 ${id('c')} ${id('x')}`;
    const read = readStreamEntry('7-12', ['at', '1000', 'from', '10', 'reserved', reserved]);
    expect(
      read.map((t) => [
        t.seq,
        t.createdSeq,
        t.reservationId,
        t.customer,
        t.ttlSeconds,
        t.deadlineMs,
        t.fingerprint,
      ]),
    ).toEqual([
      [10, 10, `rsv_${id('a')}`, id('x'), 300, 2300, 'f1'],
      [11, 11, `rsv_${id('b')}`, id('y'), 300, 2300, 'f1'],
      [12, 12, `rsv_${id('c')}`, id('x'), 60, 1060, 'f2'],
    ]);
    expect(read.map((t) => [t.kind, t.epoch, t.atMs])).toEqual(Array(3).fill(['reserved', 7, 1000]));
    expect(read[2]?.lines).toEqual([
      { sku: 'A', quantity: 2 },
      { sku: 'B', quantity: 1 },
    ]);
  });

  test('that-is-malformed-is-refused-and-not-half-read', () => {
    const half = ['at', '1000', 'from', '10', 'reserved', `= 300 2300 f1 A*1 ${id('a')}`];
    expect(() => readStreamEntry('7-10', half)).toThrow('malformed reservations');
  });

  test('left-by-an-older-library-that-named-no-first-number-is-counted-from-its-last', () => {
    const event = (name: string, seq: number) => `released ${id(name)} ${seq} ${id('x')} 300 2300 f1 A*1`;
    const read = readStreamEntry('7-12', ['at', '1000', 'events', `${event('a', 3)}\n${event('b', 4)}`]);
    expect(read.map((t) => [t.seq, t.createdSeq, t.kind])).toEqual([
      [11, 3, 'released'],
      [12, 4, 'released'],
    ]);
  });
});

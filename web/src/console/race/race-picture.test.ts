// every-shopper-is-somewhere: whatever comes in whatever order, the picture counts everybody once.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { DotField } from './dot-field.ts';
import { MAX_KEPT_EVENTS, RaceFilm } from './race-film.ts';
import { PLACES, RacePicture, type Told } from './race-picture.ts';

const told = {
  reserved: { verb: 'reserve', ok: true },
  refused: { verb: 'reserve', ok: false },
  confirmed: { verb: 'confirm', ok: true, code: '' },
  expired: { verb: 'confirm', ok: false, code: 'reservation-expired' },
  unavailable: { verb: 'confirm', ok: false, code: 'unavailable' },
  released: { verb: 'release', ok: true },
  notReleased: { verb: 'release', ok: false },
} as const satisfies Record<string, Told>;

function placeAfter(...all: Told[]): string {
  const picture = new RacePicture(1);
  for (const one of all) picture.tell(0, one);
  return picture.placeOf(0);
}

describe('a shopper', () => {
  test('goes from waiting to reserved to confirmed', () => {
    expect(placeAfter()).toBe('waiting');
    expect(placeAfter(told.reserved)).toBe('reserved');
    expect(placeAfter(told.reserved, told.confirmed)).toBe('confirmed');
  });

  test('who was refused and asks again may still get something', () => {
    expect(placeAfter(told.refused)).toBe('refused');
    expect(placeAfter(told.refused, told.reserved)).toBe('reserved');
  });

  test('is not moved by the answer to a retry of something old', () => {
    expect(placeAfter(told.reserved, told.released, told.reserved)).toBe('left');
    expect(placeAfter(told.reserved, told.refused)).toBe('reserved');
    expect(placeAfter(told.reserved, told.confirmed, told.reserved, told.refused)).toBe('confirmed');
  });

  test('with two tabs that disagree ends where the service decided', () => {
    expect(placeAfter(told.reserved, told.confirmed, told.notReleased)).toBe('confirmed');
    expect(placeAfter(told.reserved, told.notReleased, told.confirmed)).toBe('confirmed');
    expect(placeAfter(told.reserved, told.released, told.expired)).toBe('left');
  });

  test('who pays too late is gone, one whose answer was a 503 is not', () => {
    expect(placeAfter(told.reserved, told.expired)).toBe('left');
    expect(placeAfter(told.reserved, told.unavailable)).toBe('reserved');
  });

  test('who never came back is gone at the end', () => {
    const picture = new RacePicture(3);
    picture.tell(0, told.reserved);
    picture.tell(1, told.reserved);
    picture.tell(1, told.confirmed);
    picture.end();
    expect(PLACES.map((place) => picture.count(place))).toEqual([1, 0, 1, 0, 1]);
  });
});

const anything = fc.constantFrom(...Object.values(told));

test('everybody is counted once, and sits on a seat of their own', () => {
  const story = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), anything), { maxLength: 200 });
  fc.assert(
    fc.property(story, (events) => {
      const picture = new RacePicture(20);
      const field = new DotField(20);
      for (const [shopper, one] of events) {
        if (picture.tell(shopper, one)) field.move(shopper, picture.placeOf(shopper));
      }
      expect(PLACES.reduce((sum, place) => sum + picture.count(place), 0)).toBe(20);
      field.resize(500, 120);
      const seats = Array.from({ length: 20 }, (_, shopper) => `${field.x[shopper]} ${field.y[shopper]}`);
      expect(new Set(seats).size).toBe(20);
      for (let shopper = 0; shopper < 20; shopper += 1) {
        expect(PLACES[field.zoneOf(shopper)]).toBe(picture.placeOf(shopper) as (typeof PLACES)[number]);
      }
    }),
  );
});

describe('the field of dots', () => {
  test('holds 2,000 in each zone of a phone', () => {
    const field = new DotField(2_000);
    field.resize(320, 260);
    for (let shopper = 0; shopper < 2_000; shopper += 1) field.move(shopper, 'refused');
    field.resize(320, 260);
    expect(field.cellPx).toBe(3);
    const left = field.zoneLeftPx(PLACES.indexOf('refused'));
    expect(Math.min(...field.x)).toBeGreaterThan(left);
  });

  test('rests when everybody is there', () => {
    const field = new DotField(50);
    field.resize(600, 200);
    expect(field.glide(16)).toBe(false);
    field.move(7, 'confirmed');
    expect(field.glide(16)).toBe(true);
    let frames = 0;
    while (field.glide(16)) frames += 1;
    expect(frames).toBeLessThan(120);
  });
});

describe('the film', () => {
  test('gives back what was told, with time that never goes back', () => {
    const film = new RaceFilm();
    film.add({ shopper: 3, verb: 'reserve', ok: true, code: '', answeredAtMs: 20 });
    film.add({ shopper: 4, verb: 'reserve', ok: false, code: 'insufficient-stock', answeredAtMs: 15 });
    expect(film.at(0)).toEqual({ shopper: 3, verb: 'reserve', ok: true, code: '', answeredAtMs: 20 });
    expect(film.at(1)).toMatchObject({ shopper: 4, ok: false, code: 'insufficient-stock', answeredAtMs: 20 });
    film.addLevels({ atMs: 10, available: 5, reserved: 0, sold: 0 });
    film.addLevels({ atMs: 30, available: 0, reserved: 4, sold: 1 });
    expect(film.levelsAt(5)).toBeUndefined();
    expect(film.levelsAt(29)?.available).toBe(5);
    expect(film.lastedMs).toBe(30);
  });

  test('keeps no more than it has room for, and says so', () => {
    const film = new RaceFilm();
    const event = { shopper: 1, verb: 'reserve', ok: true, code: '', answeredAtMs: 1 } as const;
    for (let i = 0; i < MAX_KEPT_EVENTS + 5; i += 1) film.add(event);
    expect([film.length, film.dropped]).toEqual([MAX_KEPT_EVENTS, 5]);
  });
});

// Where the dots of a race are drawn: one zone a place, dots packed in columns, each gliding to its seat. All arrays
// are made once a race; a dot that leaves gives its seat to the last one of the zone.
import { PLACES, type Place } from './race-picture.ts';

/** Time in which a dot goes two thirds of its way: seen as a move, over before the next batch. */
const GLIDE_MS = 110;
/** Closer than this is there: the loop may rest. */
const SETTLED_PX = 0.5;
const LARGEST_CELL_PX = 18;
const SMALLEST_CELL_PX = 3;
/** Of a zone's width and height, left free around its dots. */
const ZONE_MARGIN_PX = 8;

export class DotField {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly #zone: Uint8Array;
  readonly #seat: Uint16Array;
  /** Who sits where, zone by zone. */
  readonly #seated: Uint16Array[];
  readonly #taken = new Uint32Array(PLACES.length);
  #cellPx = LARGEST_CELL_PX;
  #zoneWidthPx = 0;
  #rows = 1;

  constructor(readonly shoppers: number) {
    this.x = new Float32Array(shoppers);
    this.y = new Float32Array(shoppers);
    this.#zone = new Uint8Array(shoppers);
    this.#seat = new Uint16Array(shoppers);
    this.#seated = PLACES.map(() => new Uint16Array(shoppers));
    for (let shopper = 0; shopper < shoppers; shopper += 1) this.#sit(shopper, 0);
  }

  get cellPx(): number {
    return this.#cellPx;
  }

  zoneLeftPx(zone: number): number {
    return zone * this.#zoneWidthPx;
  }

  zoneOf(shopper: number): number {
    return this.#zone[shopper] ?? 0;
  }

  /** Fits the field into a canvas; dots go to their seats at once. */
  resize(widthPx: number, heightPx: number): void {
    this.#zoneWidthPx = widthPx / PLACES.length;
    const free = { width: this.#zoneWidthPx - 2 * ZONE_MARGIN_PX, height: heightPx - 2 * ZONE_MARGIN_PX };
    this.#cellPx = cellFor(this.shoppers, free.width, free.height);
    this.#rows = Math.max(1, Math.floor(free.height / this.#cellPx));
    for (let shopper = 0; shopper < this.shoppers; shopper += 1) {
      this.x[shopper] = this.#seatX(shopper);
      this.y[shopper] = this.#seatY(shopper);
    }
  }

  /** Seats the shopper in the zone of the place. */
  move(shopper: number, place: Place): void {
    const to = PLACES.indexOf(place);
    const from = this.#zone[shopper];
    if (from === undefined || from === to) return;
    const last = (this.#taken[from] ?? 0) - 1;
    const mover = this.#seated[from]?.[last] ?? shopper;
    const seat = this.#seat[shopper] ?? 0;
    this.#taken[from] = last;
    this.#seat[mover] = seat;
    (this.#seated[from] as Uint16Array)[seat] = mover;
    this.#sit(shopper, to);
  }

  /** Everybody back to the first zone. */
  reset(): void {
    this.#taken.fill(0);
    for (let shopper = 0; shopper < this.shoppers; shopper += 1) this.#sit(shopper, 0);
  }

  /** Lets every dot glide on. @returns true while one of them is still on its way. */
  glide(elapsedMs: number): boolean {
    const part = 1 - Math.exp(-elapsedMs / GLIDE_MS);
    let moving = false;
    for (let shopper = 0; shopper < this.shoppers; shopper += 1) {
      const x = this.x[shopper] ?? 0;
      const y = this.y[shopper] ?? 0;
      const dx = this.#seatX(shopper) - x;
      const dy = this.#seatY(shopper) - y;
      const there = Math.abs(dx) < SETTLED_PX && Math.abs(dy) < SETTLED_PX;
      this.x[shopper] = there ? x + dx : x + dx * part;
      this.y[shopper] = there ? y + dy : y + dy * part;
      moving ||= !there;
    }
    return moving;
  }

  #sit(shopper: number, zone: number): void {
    const seat = this.#taken[zone] ?? 0;
    this.#taken[zone] = seat + 1;
    this.#zone[shopper] = zone;
    this.#seat[shopper] = seat;
    (this.#seated[zone] as Uint16Array)[seat] = shopper;
  }

  #seatX(shopper: number): number {
    const column = Math.floor((this.#seat[shopper] ?? 0) / this.#rows);
    return this.zoneLeftPx(this.zoneOf(shopper)) + ZONE_MARGIN_PX + (column + 0.5) * this.#cellPx;
  }

  #seatY(shopper: number): number {
    return ZONE_MARGIN_PX + (((this.#seat[shopper] ?? 0) % this.#rows) + 0.5) * this.#cellPx;
  }
}

/** The largest square cell with which all shoppers fit into one zone; not smaller than can be seen. */
function cellFor(shoppers: number, width: number, height: number): number {
  for (let cell = LARGEST_CELL_PX; cell > SMALLEST_CELL_PX; cell -= 0.5) {
    if (Math.floor(width / cell) * Math.floor(height / cell) >= shoppers) return cell;
  }
  return SMALLEST_CELL_PX;
}

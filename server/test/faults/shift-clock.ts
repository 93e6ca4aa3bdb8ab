// Preloaded into a service: its clock is wrong by HOLDFAST_TEST_CLOCK_SHIFT_MS. The monotonic clock stays right.
const shiftMs = Number(process.env.HOLDFAST_TEST_CLOCK_SHIFT_MS ?? 0);
const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(RealDate.now() + shiftMs);
    else super(...(given as [number]));
  }

  static override now(): number {
    return RealDate.now() + shiftMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;

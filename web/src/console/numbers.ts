// Figures as the console writes them. One width for one meaning: digits are tabular wherever they tick.

const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const rate = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

/** What there is no figure for. */
export const DASH = '–';

export const countText = (count: number): string => whole.format(count);

/** For the figures that are read from two metres away: six digits are a number, nine are a telephone number. */
export const largeText = (count: number): string =>
  count < 1_000_000 ? whole.format(count) : compact.format(count);

export const rateText = (perSecond: number): string =>
  perSecond >= 100 ? whole.format(Math.round(perSecond)) : rate.format(perSecond);

export const shareText = (share: number | null): string => (share === null ? DASH : percent.format(share));

export function msText(ms: number): string {
  if (ms >= 1_000) return `${rate.format(ms / 1_000)} s`;
  return ms >= 100 ? `${Math.round(ms)} ms` : `${rate.format(ms)} ms`;
}

export function bytesText(bytes: number): string {
  return `${whole.format(Math.round(bytes / 1_048_576))} MiB`;
}

/** `1 unit`, `2 units`. */
export function countOf(number: number, noun: string): string {
  return `${whole.format(number)} ${noun}${number === 1 ? '' : 's'}`;
}

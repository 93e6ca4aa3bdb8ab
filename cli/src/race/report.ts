// The verdict on paper: for a person a page that leads with who won, for a machine one JSON document.
import type { Aftermath } from './aftermath.ts';
import type { Figures } from './figures.ts';
import { type RaceOptions, rerunCommand } from './options.ts';
import type { PromiseVerdict, Verdict } from './verdict.ts';

export interface RaceResult {
  readonly options: RaceOptions;
  readonly url: string;
  readonly saleId: string;
  readonly sku: string;
  /** Shoppers that took part; fewer than asked for when rate limits refused tokens. */
  readonly shoppers: number;
  readonly durationMs: number;
  readonly verdict: Verdict;
  readonly figures: Figures;
  readonly aftermath: Aftermath;
}

const WINNERS_NAMED = 3;

export function asText(result: RaceResult): string {
  const { verdict, options, durationMs } = result;
  return [
    '',
    `  ${headline(result)}`,
    `  ${verdict.oversold} oversold · ${verdict.duplicates} duplicates · ${verdict.falseSoldOuts} false sold-outs`,
    '',
    ...verdict.promises.flatMap(promiseLines),
    '',
    ...stockLines(result),
    ...outcomeLines(result.figures),
    '',
    ...latencyLines(result.figures),
    ...limitLines(result),
    '',
    `  ${(durationMs / 1000).toFixed(1)} s, seed ${options.seed}. The same plans again: ${rerunCommand(options)}`,
    verdict.held ? '  All promises held.' : '  A PROMISE BROKE.',
    '',
  ].join('\n');
}

function headline({ verdict, options, aftermath, shoppers }: RaceResult): string {
  const { winners } = verdict;
  const field = `${count(shoppers, 'shopper')}, ${count(options.units, 'unit')}`;
  const named = winners.slice(0, WINNERS_NAMED).map(({ shopper, orderId }) => `${shopper} (${orderId})`);
  const rest = winners.length > WINNERS_NAMED ? ` and ${winners.length - WINNERS_NAMED} more` : '';
  if (winners.length === 0) return `${field}: nobody bought, ${aftermath.item.available} free.`;
  return `${field}: ${count(winners.length, 'winner')}: ${named.join(', ')}${rest}`;
}

function promiseLines({ held, promise, breaks, findings }: PromiseVerdict): string[] {
  if (held) return [`  ok      ${promise}`];
  const more = breaks > findings.length ? [`            … and ${breaks - findings.length} more`] : [];
  return [`  BROKEN  ${promise}`, ...findings.map((finding) => `            ${finding}`), ...more];
}

function stockLines({ aftermath, sku }: RaceResult): string[] {
  const { total, available, reserved, sold } = aftermath.item;
  const statuses = new Map<string, number>();
  for (const status of aftermath.reservations.values()) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  return [
    `  ${sku}: ${available} available + ${reserved} reserved + ${sold} sold = ${total}`,
    `  reservations: ${tally(statuses)}`,
  ];
}

function outcomeLines({ outcomes, requests }: Figures): string[] {
  const verbs = new Map<string, Map<string, number>>();
  for (const [name, times] of outcomes) {
    const [verb = '', outcome = ''] = name.split(' ');
    const ofVerb = verbs.get(verb) ?? new Map<string, number>();
    verbs.set(verb, ofVerb.set(outcome, times));
  }
  return [
    `  ${requests} requests`,
    ...[...verbs].map(([verb, ofVerb]) => `    ${verb.padEnd(8)} ${tally(ofVerb)}`),
  ];
}

function tally(counts: ReadonlyMap<string, number>): string {
  const entries = [...counts].sort(([, a], [, b]) => b - a);
  return entries.length === 0 ? 'none' : entries.map(([name, times]) => `${times} ${name}`).join(', ');
}

function latencyLines({ latencies }: Figures): string[] {
  const cell = (text: string) => text.padStart(10);
  const heading = `  ${'latency'.padEnd(10)}${['answers', 'p50', 'p95', 'p99', 'max'].map(cell).join('')}`;
  const rows = latencies.map(({ verb, answers, p50Ms, p95Ms, p99Ms, maxMs }) => {
    const times = [p50Ms, p95Ms, p99Ms, maxMs].map((ms) => cell(`${ms.toFixed(1)} ms`));
    return `  ${verb.padEnd(10)}${cell(String(answers))}${times.join('')}`;
  });
  return [heading, ...rows];
}

/** A race that limits cut short shows less than it seems to. */
function limitLines({ figures, shoppers, options }: RaceResult): string[] {
  const lines: string[] = [];
  if (shoppers < options.shoppers) {
    lines.push(`  ${options.shoppers - shoppers} shoppers got no token and stayed out.`);
  }
  if (figures.rateLimited > 0) lines.push(`  ${figures.rateLimited} requests were refused by rate limits.`);
  if (lines.length === 0) return [];
  const advice =
    '  The rate limits of that service got in the way: HOLDFAST_RATE_…_PER_MINUTE=0 turns them off.';
  return ['', ...lines, advice];
}

/** `1 unit`, `2 units`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

export function asJson(result: RaceResult): string {
  const { verdict, figures, aftermath, options } = result;
  const document = {
    verdict: verdict.held ? 'held' : 'broken',
    winners: verdict.winners.map(({ shopper, orderId }) => ({ shopper, order_id: orderId })),
    oversold: verdict.oversold,
    duplicates: verdict.duplicates,
    false_sold_outs: verdict.falseSoldOuts,
    promises: verdict.promises,
    shoppers: { asked_for: options.shoppers, took_part: result.shoppers },
    units: options.units,
    ttl_seconds: options.ttlSeconds,
    item: aftermath.item,
    requests: figures.requests,
    unanswered: figures.unanswered,
    rate_limited: figures.rateLimited,
    outcomes: Object.fromEntries(figures.outcomes),
    latencies: figures.latencies.map(({ verb, answers, p50Ms, p95Ms, p99Ms, maxMs }) => ({
      verb,
      answers,
      p50_ms: p50Ms,
      p95_ms: p95Ms,
      p99_ms: p99Ms,
      max_ms: maxMs,
    })),
    url: result.url,
    sale_id: result.saleId,
    sku: result.sku,
    duration_ms: Math.round(result.durationMs),
    seed: options.seed,
    rerun: rerunCommand(options),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

// One guard taken out, and who must notice.

export interface Mutation {
  readonly guard: string;
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly put: string;
  /** The test file that must notice. */
  readonly test: string;
  /** Of a file that takes long, the tests that must notice: a pattern of their names. */
  readonly only?: string;
}

export const LUA = 'server/lua';
export const SQL = 'server/sql/migrations';
export const SRC = 'server/src';

const at = (name: string) => `server/test/${name}.test.ts`;

/** Test files, by the promise that they hold. */
export const HOLDS = {
  conformance: 'server/test/conformance/lua.test.ts',
  ids: 'server/src/domain/ids.test.ts',
  lease: at('a-lease-stands-before-every-grant'),
  promoted: at('a-promoted-replica-is-rebuilt-first'),
  isolated: at('an-isolated-primary-grants-nothing-beside-its-successor'),
  outlives: at('reserving-outlives-the-ledger'),
  library: at('the-library-is-the-right-one'),
  sentOnce: at('nothing-is-sent-twice'),
  rebuild: at('nothing-granted-before-the-rebuild'),
  olderFile: at('an-older-append-only-file-is-replayed'),
  restored: at('a-restored-ledger-is-noticed'),
  mode: at('rebuild-chooses-its-mode'),
  loss: at('a-loss-leaves-nothing-behind'),
  everyCrash: at('confirm-at-every-crash-point'),
  outbox: at('the-outbox-loses-nothing'),
  memory: at('out-of-memory-only-reserve-stops'),
  retries: at('retries-are-safe'),
  doubles: at('a-cart-counts-each-sku-once'),
  cooldown: at('hoarders-are-cooled-down'),
  unpacking: at('no-call-unpacks-too-much'),
  register: at('the-register-takes-the-first-writer'),
  ledgerConfirm: at('ledger-confirm'),
  ledgerJournal: at('ledger-journal'),
  ledgerSnapshot: at('ledger-snapshot'),
  ledgerStock: at('ledger-stock'),
  stockChanges: at('stock-changes'),
  sealForm: at('seal-form'),
  seals: at('seal-tampering'),
  reconciled: at('reconcile-store'),
} as const;

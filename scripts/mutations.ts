// Does the suite see? Each guard in turn is taken out of a scratch copy of the repository, and the tests that promise what
// it guards are run there: they must fail. `npm run mutations` runs all, `npm run mutations -- lease` those whose name has
// the word. Exit code 1 if a mutation goes unnoticed, or no longer fits the code.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface Mutation {
  readonly guard: string;
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly put: string;
  /** The test file that must notice. */
  readonly test: string;
}

const LUA = 'server/lua';
const SQL = 'server/sql/migrations';
const CONFORMANCE = 'server/test/conformance/lua.test.ts';
const LEASE = 'server/test/a-lease-stands-before-every-grant.test.ts';
const CRASHES = 'server/test/confirm-survives-crashes.test.ts';

const MUTATIONS: readonly Mutation[] = [
  {
    guard: 'replay check',
    file: `${LUA}/55-reserve.lua`,
    find: '  if seen then\n',
    put: '  if false then\n',
    test: 'server/test/retries-are-safe.test.ts',
  },
  {
    guard: 'replay bound to its body',
    file: `${LUA}/55-reserve.lua`,
    find: ' or seen.print ~= command.print',
    put: '',
    test: 'server/test/retries-are-safe.test.ts',
  },
  {
    guard: 'ownership tag',
    file: 'server/src/domain/ids.ts',
    find: 'return timingSafeEqual(this.tag(kind, body, customerKey), bytes.subarray(BODY_BYTES))',
    put: 'return timingSafeEqual(bytes, bytes)',
    test: 'server/src/domain/ids.test.ts',
  },
  {
    guard: 'ownership check in the store',
    file: `${LUA}/60-confirm-release-extend.lua`,
    find: 'if not record or record.customer ~= args[at + 1] then',
    put: 'if not record then',
    test: CONFORMANCE,
  },
  {
    guard: "ledger's stock condition",
    file: `${SQL}/0002-decisions.sql`,
    find: '        OR v_line_quantities[v_line] > v_left[v_line_items[v_line]]\n',
    put: '',
    test: 'server/test/ledger-confirm.test.ts',
  },
  {
    guard: "ledger's CHECK",
    file: `${SQL}/0001-tables.sql`,
    find: '  CONSTRAINT never_oversold CHECK (0 <= sold AND sold <= total),\n',
    put: '',
    test: 'server/test/ledger-confirm.test.ts',
  },
  {
    guard: 'register key',
    file: `${SQL}/0001-tables.sql`,
    find: '  PRIMARY KEY (reservation_id, created_seq),\n',
    put: '',
    test: 'server/test/the-register-takes-the-first-writer.test.ts',
  },
  {
    guard: 'deadline check',
    file: `${LUA}/60-confirm-release-extend.lua`,
    find: 'record.deadline <= sale.now',
    put: 'record.deadline < sale.now',
    test: CONFORMANCE,
  },
  {
    guard: 'lease end',
    file: `${LUA}/20-lease.lua`,
    find: "  if real >= lease.ends then return not_ready('lease ended') end\n",
    put: '',
    test: LEASE,
  },
  {
    guard: 'lease epoch',
    file: `${LUA}/20-lease.lua`,
    find: "  if lease.epoch ~= args[1] then return not_ready('another epoch') end\n",
    put: '',
    test: LEASE,
  },
  {
    guard: 'lineage gate: another server',
    file: `${LUA}/85-grant.lua`,
    find: "return run == args[at] and replid == args[at + 1] and role == 'master'",
    put: 'return true',
    test: LEASE,
  },
  {
    guard: 'epoch of a confirm',
    file: `${SQL}/0002-decisions.sql`,
    find: 'IF v_sale.epoch <> p_epoch THEN',
    put: 'IF false THEN',
    test: 'server/test/ledger-confirm.test.ts',
  },
  {
    guard: 'sequence gate',
    file: `${LUA}/70-entries.lua`,
    find: '    if e.seq == change.applied + 1 then\n',
    put: '    if e.seq > 0 then\n',
    test: CONFORMANCE,
  },
  {
    guard: "unpin of another's attempt",
    file: `${LUA}/60-confirm-release-extend.lua`,
    find: "    if record.attempts > 1 then return 'pinned' end\n",
    put: '',
    test: CRASHES,
  },
  {
    guard: 'register of stock operations',
    file: `${SQL}/0006-stock-changes.sql`,
    find: "    WHEN EXISTS (SELECT FROM holdfast.stock_operation WHERE id = p_operation) THEN 'refused'\n",
    put: '',
    test: 'server/test/ledger-stock.test.ts',
  },
];

const root = path.join(import.meta.dir, '..');
const TEST_LIMIT_MS = 60_000;

const wanted = process.argv.slice(2).join(' ');
const chosen = MUTATIONS.filter(({ guard }) => guard.includes(wanted));
if (chosen.length === 0) {
  console.error(
    `No guard has "${wanted}" in its name. There are: ${MUTATIONS.map(({ guard }) => guard).join(', ')}.`,
  );
  process.exit(2);
}

const scratch = copyRepository();
let unnoticed = 0;
try {
  for (const test of new Set(chosen.map((mutation) => mutation.test))) {
    const { ok, failed } = run(test);
    if (!ok) throw new Error(`${test} fails without any mutation: ${failed.join(', ')}`);
  }
  for (const mutation of chosen) {
    const noticedBy = noticing(mutation);
    if (noticedBy.length === 0) unnoticed += 1;
    const [first, ...others] = noticedBy;
    const said =
      first === undefined
        ? 'NOBODY NOTICED'
        : `${first}${others.length > 0 ? ` and ${others.length} more` : ''}`;
    console.log(`${mutation.guard.padEnd(32)} ${said}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(`${chosen.length - unnoticed} of ${chosen.length} guards are watched`);
process.exitCode = unnoticed === 0 ? 0 : 1;

/** What git knows of, changed files as they are, and the installed packages by a link. */
function copyRepository(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-mutations-'));
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (listed.status !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
  for (const file of listed.stdout.split('\0').filter((name) => name !== '')) {
    cpSync(path.join(root, file), path.join(folder, file), { force: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

/** Names of the tests that fail once the guard is out. */
function noticing({ guard, file, find, put, test }: Mutation): string[] {
  const target = path.join(scratch, file);
  const original = readFileSync(target, 'utf8');
  if (original.split(find).length !== 2)
    throw new Error(`${guard}: "${find.trim()}" does not stand once in ${file}`);
  writeFileSync(
    target,
    original.replace(find, () => put),
  );
  try {
    const { ok, failed } = run(test);
    return ok ? [] : failed;
  } finally {
    writeFileSync(target, original);
  }
}

function run(test: string): { ok: boolean; failed: string[] } {
  const ran = spawnSync(process.execPath, ['test', `--timeout=${TEST_LIMIT_MS}`, `./${test}`], {
    cwd: scratch,
    encoding: 'utf8',
  });
  const failed = [...`${ran.stdout}${ran.stderr}`.matchAll(/^\(fail\) (.+?)(?: \[[\d.]+m?s\])?$/gm)].map(
    (match) => match[1] ?? '',
  );
  return { ok: ran.status === 0, failed: failed.length > 0 ? [...new Set(failed)] : ['the run itself'] };
}

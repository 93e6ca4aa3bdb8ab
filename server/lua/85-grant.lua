-- Who this server is, and the grant (protocols.md §6) ----------------------------------------------------------------

local function identity()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local replication = redis.call('INFO', 'replication')
  return run, string.match(replication, 'master_replid:(%w+)'), string.match(replication, 'role:(%w+)')
end

--- hf_identity (no keys) → {now, run_id, master_replid, role, version}. The time is read here, before the ledger is.
local function who(_, _)
  local now = text(clock_ms())
  local run, replid, role = identity()
  return { now, run, replid, role, text(VERSION) }
end

local function same_server(args, at)
  local run, replid, role = identity()
  return run == args[at] and replid == args[at + 1] and role == 'master'
end

local function first_score(key) return redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] end

--- hf_grant: ARGV[1] epoch, ARGV[2] unused, ARGV[3] run_id, ARGV[4] master_replid, ARGV[5] end of the lease in ms.
--- → "granted", applied, seq, first deadline, first end of a pin (ms or "inf"), pends | "refused", why.
--- A client reconnects silently between a check and a grant: so this checks itself.
local function grant(keys, args)
  if not same_server(args, 3) then return { 'refused', 'another server' } end
  local lease, epoch = leases[keys[STOCK]], tonumber(args[1])
  if lease and tonumber(lease.epoch) > epoch then return { 'refused', 'a newer epoch is leased' } end
  if redis.call('EXISTS', unpack(keys)) ~= KEY_COUNT then return { 'refused', 'a key is missing' } end
  local marks = redis.call('HMGET', keys[META], 'epoch', 'building')
  if marks[2] and marks[2] ~= '' then return { 'refused', 'rebuilding' } end
  if marks[1] ~= args[1] then return { 'refused', 'another epoch' } end
  local state = redis.call('HMGET', keys[STOCK], '@applied', '@seq', '@now', '@pends')
  local ends, now = tonumber(args[5]), tonumber(state[3])
  if lease and lease.epoch == args[1] and not lease.building then
    ends, now = later(lease.ends, ends), later(lease.now, now)
  end
  leases[keys[STOCK]] = { epoch = args[1], ends = ends, now = now }
  return { 'granted', state[1], state[2], first_score(keys[DEAD]), first_score(keys[PINNED]), state[4] }
end

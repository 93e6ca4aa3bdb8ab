-- Who this server is, and the grant (protocols.md §6) ----------------------------------------------------------------

local function identity()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local replication = redis.call('INFO', 'replication')
  local _, replicas = string.gsub(replication, 'state=online', '')
  return run, string.match(replication, 'master_replid:(%w+)'), string.match(replication, 'role:(%w+)'), replicas
end

--- hf_identity (no keys) → {now, run_id, master_replid, role, version, replicas}. The time is read here, before the ledger is.
local function who(_, _)
  local now = text(clock_ms())
  local run, replid, role, replicas = identity()
  return { now, run, replid, role, text(VERSION), text(replicas) }
end

--- hf_beat: KEYS[1] a key for nothing else. The same, and a write after the time was read: a replica that acknowledges it
--- was still a replica at that time, and no server beside this one.
local function beat(keys, args)
  local reply = who(keys, args)
  redis.call('SET', keys[1], reply[1])
  return reply
end

--- Why this call must not be answered, or nil: ARGV[2] the version of the library that the caller was built with,
--- ARGV[3] run_id, ARGV[4] master_replid of the server that it has looked at.
local function stranger(args)
  if args[2] ~= text(VERSION) then return 'another library' end
  local run, replid, role = identity()
  if run ~= args[3] or replid ~= args[4] or role ~= 'master' then return 'another server' end
end

local function first_score(key) return redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] end

--- hf_grant: ARGV[1] epoch, ARGV[2] version, ARGV[3] run_id, ARGV[4] master_replid, ARGV[5] end of the lease in ms.
--- → "granted", applied, seq, first deadline, first end of a pin (ms or "inf"), pends | "refused", why.
--- A client reconnects silently between a check and a grant: so this checks itself.
local function grant(keys, args)
  local why = stranger(args)
  if why then return { 'refused', why } end
  local lease, epoch = leases[keys[STOCK]], tonumber(args[1])
  if lease and tonumber(lease.epoch) > epoch then return { 'refused', 'a newer epoch is leased' } end
  if redis.call('EXISTS', unpack(keys)) ~= KEY_COUNT then return { 'refused', 'a key is missing' } end
  local marks = redis.call('HMGET', keys[META], 'epoch', 'building')
  if marks[2] and marks[2] ~= '' then return { 'refused', 'rebuilding' } end
  if marks[1] ~= args[1] then return { 'refused', 'another epoch' } end
  local state = redis.call('HMGET', keys[STOCK], '@applied', '@seq', '@now', '@pends')
  local ends, now = tonumber(args[5]), later(tonumber(state[3]), lease and lease.now or 0)
  if lease and lease.epoch == args[1] and not lease.building then ends = later(lease.ends, ends) end
  leases[keys[STOCK]] = { epoch = args[1], ends = ends, now = now }
  return { 'granted', state[1], state[2], first_score(keys[DEAD]), first_score(keys[PINNED]), state[4] }
end

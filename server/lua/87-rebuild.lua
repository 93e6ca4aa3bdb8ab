-- Rebuild (protocols.md §7) ------------------------------------------------------------------------------------------

--- hf_begin: first call of a rebuild: replaces the lease by {epoch, building} and marks meta.
--- ARGV as hf_grant's first four. → "begun", keys present, meta epoch, unfinished mode, seq, applied | "refused", why
local function begin(keys, args)
  local why = stranger(args)
  if why then return { 'refused', why } end
  local lease, epoch = leases[keys[STOCK]], tonumber(args[1])
  if lease and tonumber(lease.epoch) > epoch then return { 'refused', 'a newer epoch is leased' } end
  local marks = redis.call('HMGET', keys[META], 'epoch', 'building', 'mode')
  if marks[1] and tonumber(marks[1]) >= epoch then return { 'refused', 'a newer epoch was granted' } end
  if marks[2] and marks[2] ~= '' and tonumber(marks[2]) > epoch then return { 'refused', 'a newer rebuild has begun' } end
  local present = redis.call('EXISTS', unpack(keys))
  local state = redis.call('HMGET', keys[STOCK], '@seq', '@applied', '@now')
  -- Time never goes back: what this server has seen counts, also where the key that kept it is gone.
  local now = later(tonumber(state[3] or 0), lease and lease.now or 0)
  leases[keys[STOCK]] = { epoch = args[1], building = true, chunk = '0', now = now }
  redis.call('HSET', keys[META], '@', '1', 'building', args[1], 'chunk', '0')
  return { 'begun', text(present), marks[1] or '', marks[3] or '', state[1] or '', state[2] or '' }
end

--- hf_clear: chunk 0 of a cold rebuild: an empty sale with its sentinels, marked so that a half-done one starts again from
--- nothing. ARGV[1] epoch. → {OK, now}
local function clear(keys, args)
  local lease = leases[keys[STOCK]]
  if not lease or not lease.building or lease.epoch ~= args[1] then return { 'NOT_READY', 'this rebuild is over' } end
  if redis.call('HGET', keys[META], 'building') ~= args[1] then return { 'NOT_READY', 'this rebuild is over' } end
  redis.call('UNLINK', unpack(keys))
  redis.call('HSET', keys[META], '@', '1', 'building', args[1], 'chunk', '0', 'mode', 'cold')
  redis.call('HSET', keys[STOCK], '@seq', '0', '@applied', '0', '@trimmed', '0', '@now', text(lease.now),
    '@opens', '-', '@closes', '-', '@closed', '0', '@cooldown', '-', '@pends', '0')
  redis.call('HSET', keys[RES], '@', '1')
  redis.call('HSET', keys[CUST], '@', '1')
  for _, i in ipairs({ DEAD, PINNED, DONE }) do redis.call('ZADD', keys[i], '+inf', '@') end
  redis.call('XADD', keys[EVENTS], '0-1', '@', '1')
  redis.call('XTRIM', keys[EVENTS], 'MAXLEN', 0)
  redis.call('HSET', keys[WIN0], '@', '-1')
  redis.call('HSET', keys[WIN0 + 1], '@', '-1')
  lease.chunk = '0'
  return { 'OK', text(lease.now) }
end

--- hf_load: a chunk of a cold rebuild. ARGV[3] chunk, ARGV[4] items, ARGV[5] bought, ARGV[6] records, ARGV[7] cooldown, then
--- the items as (sku, total, sold, cap), the units bought as (customer, sku, quantity), the records as (id, record). → {OK, now}
local function load_chunk(keys, args)
  local sale, no = enter_building(keys, args, args[3])
  if not sale then return no end
  local p, stock, bought = 8, { '@cooldown', args[7] }, {}
  for _ = 1, tonumber(args[4]) do
    push(stock, args[p], args[p + 1] .. ' 0 ' .. args[p + 2] .. ' ' .. args[p + 3])
    p = p + 4
  end
  send('HSET', keys[STOCK], stock)
  for _ = 1, tonumber(args[5]) do
    push(bought, args[p] .. ' ' .. args[p + 1], args[p + 2])
    p = p + 3
  end
  send('HSET', keys[CUST], bought)
  local change, ids, records = new_change(sale), {}, {}
  for i = 1, tonumber(args[6]) do
    ids[i], records[i] = args[p], read_record(args[p + 1])
    p = p + 2
  end
  load_for(change, records)
  for i, record in ipairs(records) do
    if record.state == 'A' or record.state == 'C' then
      move(change, record.customer, record.lines, 1, 0, 1)
      if record.state == 'A' then
        push(change.dead_add, text(record.deadline), ids[i])
      else
        push(change.pin_add, text(later(record.deadline, sale.now + PIN_MIN_MS)), ids[i])
      end
    else
      push(change.done_add, record.resolved, ids[i])
      if record.state == 'E' then note_expiry(change, record.customer, record.deadline) end
    end
    put(change, ids[i], record)
  end
  flush(change)
  next_chunk(sale)
  return { 'OK', sale.at }
end

local EVENT = '^(%S+) (%S+) (%d+) (%S+) (%d+) (%d+) (%S+) (%S+)$'

--- One journaled transition that this store had lost, done again; one that the ledger overruled since is left alone.
local function replay_one(change, at, event, by_id)
  local kind, id, seq, customer, ttl, deadline, print, lines = string.match(event, EVENT)
  local record = by_id[id]
  if kind == 'reserved' then
    if record and tonumber(record.seq) >= tonumber(seq) then return end
    if record and (record.state == 'A' or record.state == 'C') then
      -- A former life of the same id whose end only the ledger knows: its entry finds it gone, and counts it as such.
      move(change, record.customer, record.lines, -1, 0, -1)
    end
    record = {
      state = 'A', customer = customer, seq = seq, at = at, ttl = ttl, deadline = tonumber(deadline), attempts = 0,
      extensions = 0, resolved = '0', print = print, lines = lines,
    }
    by_id[id], change.touched[id] = record, record
    move(change, customer, lines, 1, 0, 1)
    return
  end
  if not record or record.seq ~= seq then return end
  if kind == 'confirming' and record.state == 'A' then
    record.state, record.attempts = 'C', 1
    change.touched[id] = record
  elseif kind == 'unpinned' and record.state == 'C' then
    record.state, record.attempts = 'A', 0
    change.touched[id] = record
  elseif kind == 'extended' and record.state == 'A' then
    record.deadline, record.extensions = tonumber(deadline), record.extensions + 1
    change.touched[id] = record
  elseif (kind == 'released' or kind == 'expired') and (record.state == 'A' or record.state == 'C') then
    move(change, record.customer, record.lines, -1, 0, -1)
    record.state, record.resolved = kind == 'released' and 'R' or 'E', at
    if kind == 'expired' then note_expiry(change, record.customer, record.deadline) end
    change.touched[id] = record
  end
end

--- Where a replayed reservation belongs after its last transition: the index keys follow the final state alone.
local function settle(change)
  for id, record in pairs(change.touched) do
    put(change, id, record)
    change.dead_rem[#change.dead_rem + 1] = id
    change.pin_rem[#change.pin_rem + 1] = id
    change.done_rem[#change.done_rem + 1] = id -- a former life may stand there, and its purge would take this one
    if record.state == 'A' then
      push(change.dead_add, text(record.deadline), id)
    elseif record.state == 'C' then
      push(change.pin_add, text(later(record.deadline, change.sale.now + PIN_MIN_MS)), id)
    else
      push(change.done_add, record.resolved, id)
    end
  end
end

--- hf_replay: a chunk of a warm rebuild. ARGV[3] chunk, ARGV[4] seq of the last transition, ARGV[5] n, then n times:
--- at, event (as in the stream). → {OK, now}
local function replay(keys, args)
  local sale, no = enter_building(keys, args, args[3])
  if not sale then return no end
  local n = tonumber(args[5])
  local ids, asked, movers = {}, {}, {}
  for i = 1, n do
    local _, id, _, customer, _, _, _, lines = string.match(args[5 + 2 * i], EVENT)
    movers[i] = { customer = customer, lines = lines }
    if not asked[id] then asked[id] = true; ids[#ids + 1] = id end
  end
  local by_id, records = {}, records_of(sale, ids)
  for i, id in ipairs(ids) do
    by_id[id] = records[i]
    movers[#movers + 1] = records[i]
  end
  local change = new_change(sale)
  load_for(change, movers)
  for _, mover in ipairs(movers) do
    for _, line in ipairs(sale.lines(mover.lines)) do
      -- Added since this store knew the sale: its entry comes after the transitions, and brings what there is of it.
      if not change.items[line.sku] then change.items[line.sku] = { total = 0, reserved = 0, sold = 0 } end
    end
  end
  for i = 1, n do replay_one(change, args[4 + 2 * i], args[5 + 2 * i], by_id) end
  settle(change)
  change.seq = later(change.seq, tonumber(args[4]))
  flush(change)
  next_chunk(sale)
  return { 'OK', sale.at }
end

--- hf_finish: ends a rebuild. ARGV[3] chunk, ARGV[4] lowest seq to continue after, ARGV[5] l entries the snapshot held or "",
--- then opens, closes, closed, cooldown or nothing. The drained stream is dropped. The grant is another call.
--- → {OK, now, seq, applied}
local function finish(keys, args)
  local sale, no = enter_building(keys, args, args[3])
  if not sale then return no end
  local state = redis.call('HMGET', keys[STOCK], '@seq', '@applied')
  local seq = text(later(tonumber(state[1]), tonumber(args[4])))
  local applied = args[5] == '' and state[2] or args[5]
  redis.call('HSET', keys[STOCK], '@seq', seq, '@trimmed', seq, '@applied', applied)
  if args[6] then
    redis.call('HSET', keys[STOCK], '@opens', args[6], '@closes', args[7], '@closed', args[8], '@cooldown', args[9])
  end
  redis.call('XTRIM', keys[EVENTS], 'MAXLEN', 0)
  redis.call('HSET', keys[META], 'epoch', args[1], 'building', '', 'chunk', '', 'mode', '', 'start', seq)
  return { 'OK', sale.at, seq, applied }
end

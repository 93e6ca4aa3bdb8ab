-- Confirm, release, extend -------------------------------------------------------------------------------------------

local RESOLVED = { F = 'confirmed', R = 'released', E = 'expired', L = 'lost' }

local function due(sale, record) return record.deadline <= sale.now end

--- Runs `decide_one(change, id, record, at)` for each of n (ARGV[3]) groups of `size` arguments: id, customer, and what
--- else there is from ARGV[at] on. A record that is missing, or another customer's, is "missing"; an active one past its
--- deadline is expired here and says so, unless `leaves_due`. Only what moves stock needs its items and its customer's units
--- loaded: those that are due, and with `frees` all that are active.
local function each_pair(keys, args, size, decide_one, leaves_due, frees)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local n = tonumber(args[3])
  local ids, moving = {}, {}
  for i = 1, n do ids[i] = args[4 + (i - 1) * size] end
  local records = records_of(sale, ids)
  local by_id = {}
  for i = 1, n do
    local record = records[i]
    if record and not by_id[ids[i]] then
      by_id[ids[i]] = record
      if record.state == 'A' and (frees or not leaves_due and due(sale, record)) then moving[#moving + 1] = record end
    end
  end
  local change = new_change(sale)
  load_for(change, moving)
  local reply = { 'OK', sale.at }
  for i = 1, n do
    local id, record, at = ids[i], by_id[ids[i]], 4 + (i - 1) * size
    if not record or record.customer ~= args[at + 1] then
      reply[i + 2] = 'missing'
    elseif record.state == 'A' and not leaves_due and due(sale, record) then
      free(change, id, record, 'E', 'expired')
      reply[i + 2] = 'expired'
    else
      reply[i + 2] = decide_one(change, id, record, at + 2)
    end
  end
  if #change.res > 0 then flush(change) end
  return reply
end

--- hf_pin: confirm, step 1. → "pinned record" | "confirmed" | "released" | "expired" | "lost" | "missing"
local function pin(keys, args)
  return each_pair(keys, args, 2, function(change, id, record)
    if RESOLVED[record.state] then return RESOLVED[record.state] end
    local soonest = change.sale.now + PIN_MIN_MS
    record.attempts = record.attempts + 1
    if record.state == 'A' then
      change.dead_rem[#change.dead_rem + 1] = id
      record.state = 'C'
      transition(change, 'confirming', id, record)
    end
    -- Time never goes back, so this never shortens an earlier pin.
    push(change.pin_add, text(later(record.deadline, soonest)), id)
    return 'pinned ' .. put(change, id, record)
  end)
end

--- hf_unpin: a definite failure before the commit. Back to active only if its attempt was the only one: else a slow first
--- attempt commits what the second one released. → "active" | "pinned" | a resolved state | "missing"
local function unpin(keys, args)
  return each_pair(keys, args, 2, function(change, id, record)
    if record.state ~= 'C' then return RESOLVED[record.state] or 'active' end
    if record.attempts > 1 then return 'pinned' end
    record.state, record.attempts = 'A', 0
    change.pin_rem[#change.pin_rem + 1] = id
    push(change.dead_add, text(record.deadline), id)
    transition(change, 'unpinned', id, record)
    put(change, id, record)
    return 'active'
  end, true)
end

--- hf_release → "released 0|1 record" (1: it was before) | "confirmed" | "confirming" | "expired" | "lost" | "missing"
local function release(keys, args)
  return each_pair(keys, args, 2, function(change, id, record)
    if record.state == 'R' then return 'released 1 ' .. write_record(record) end
    if record.state == 'C' then return 'confirming' end
    if RESOLVED[record.state] then return RESOLVED[record.state] end
    free(change, id, record, 'R', 'released')
    return 'released 0 ' .. write_record(record)
  end, false, true)
end

--- hf_extend: n times id, customer, seconds, most extensions, longest life in seconds → "extended record" |
--- "limit-reached" | "confirming" | a resolved state | "missing"
local function extend(keys, args)
  return each_pair(keys, args, 5, function(change, id, record, at)
    if record.state == 'C' then return 'confirming' end
    if RESOLVED[record.state] then return RESOLVED[record.state] end
    local deadline = record.deadline + tonumber(args[at]) * 1000
    local longest = tonumber(record.at) + tonumber(args[at + 2]) * 1000
    if record.extensions >= tonumber(args[at + 1]) or deadline > longest then return 'limit-reached' end
    record.deadline, record.extensions = deadline, record.extensions + 1
    push(change.dead_add, text(deadline), id)
    transition(change, 'extended', id, record)
    return 'extended ' .. put(change, id, record)
  end)
end

--- hf_due_pins: ARGV[3] limit → {OK, now, id, record, id, record, …}: confirming ones whose pin has ended, oldest first
local function due_pins(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local ids = redis.call('ZRANGE', keys[PINNED], '-inf', sale.at, 'BYSCORE', 'LIMIT', 0, args[3])
  local reply = { 'OK', sale.at }
  if #ids == 0 then return reply end
  local packed = fetch('HMGET', keys[RES], ids)
  for i, id in ipairs(ids) do push(reply, id, packed[i]) end
  return reply
end

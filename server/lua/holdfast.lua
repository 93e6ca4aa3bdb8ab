#!lua name=holdfast
-- The only writer of stock. One sale is ten fixed keys in one hash slot; every call names all ten, in this order:
--
--   1 stock    hash    SKU → "total reserved sold cap"; @seq @applied @trimmed @now, settings @opens @closes @closed
--   2 res      hash    reservation → record (see read_record)
--   3 dead     zset    active reservation → deadline, ms
--   4 pinned   zset    confirming reservation → end of its pin, ms
--   5 done     zset    resolved reservation → when, ms: the purge index
--   6 cust     hash    "customer sku" → units live and bought
--   7 events   stream  one entry a batch: transitions on their way to the journal; id = <epoch>-<seq of the last>
--   8 meta     hash    epoch granted last; building, chunk, mode while a rebuild runs
--   9, 10 win  hash    customer or address → attempts in the minute that field "@" names; two that rotate
--
-- Each key holds a sentinel "@" (the stream simply stays), so that a missing key always means loss, never emptiness.
--
-- Rules (protocols.md §2, §6):
--   * no call decides or writes without a live lease of the caller's epoch and all ten keys: else NOT_READY, nothing written;
--   * everything is checked, then written; what could fail among the writes (XADD) comes first;
--   * the clock is TIME, never going back; tests pass their own as ARGV[2];
--   * available is never stored: it is total − reserved − sold.
--
-- Common arguments: ARGV[1] epoch, ARGV[2] clock in ms or "". Replies: {"OK", now, …} or {"NOT_READY", why}.
-- Reservation and customer names are 22 base64url characters; SKUs hold no space, "*" or ",".

local VERSION = 1

local STOCK, RES, DEAD, PINNED, DONE, CUST, EVENTS, META, WIN0 = 1, 2, 3, 4, 5, 6, 7, 8, 9
local KEY_COUNT = 10

local MINUTE_MS = 60000
local PIN_MIN_MS = 30000 -- a confirm gets at least this long before the resolver looks at it
local REPLAY_KEPT_MS = 86400000 -- resolved reservations answer replays for 24 h
local SWEEP_IN_RESERVE = 256 -- due reservations one reserve call frees before it decides
local SWEEP_LINES = 1000 -- and the lines among them: carts have up to 20
local STREAM_CAP = 200000 -- transitions waiting for the ledger writer past which reserve stops
local UNPACK_MAX = 2000 -- elements one redis.call takes; 8,000 overflow the C stack

-- Leases: stock key → {epoch, ends, now} or {epoch, building, chunk}. Survives FLUSHALL, is gone after a restart,
-- a promotion or a reload of this library, and is never replicated: that is the point (protocols.md §6).
local leases = {}

local function floor(x) return x - x % 1 end
local function later(a, b) return a > b and a or b end
local function text(n) return string.format('%.0f', n) end

-- Reads and writes in bounded pieces ------------------------------------------------------------------------------

local function fetch(command, key, fields)
  if #fields <= UNPACK_MAX then return redis.call(command, key, unpack(fields)) end
  local all = {}
  for from = 1, #fields, UNPACK_MAX do
    local to = from + UNPACK_MAX - 1
    if to > #fields then to = #fields end
    for _, value in ipairs(redis.call(command, key, unpack(fields, from, to))) do all[#all + 1] = value end
  end
  return all
end

local function send(command, key, list)
  for from = 1, #list, UNPACK_MAX do
    local to = from + UNPACK_MAX - 1
    if to > #list then to = #list end
    redis.call(command, key, unpack(list, from, to))
  end
end

-- Records -----------------------------------------------------------------------------------------------------------
-- "state customer createdSeq createdAt ttl deadline attempts resolvedAt fingerprint lines"
-- state: A active, C confirming, F confirmed, R released, E expired, L lost. Times in ms, ttl in s, resolvedAt 0 while live.

local RECORD = '^(%u) (%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+) (%S+)$'

local function read_record(packed)
  local state, customer, seq, at, ttl, deadline, attempts, resolved, print, lines = string.match(packed, RECORD)
  return {
    state = state, customer = customer, seq = seq, at = at, ttl = ttl, deadline = tonumber(deadline),
    attempts = tonumber(attempts), resolved = resolved, print = print, lines = lines,
  }
end

local function write_record(r)
  return r.state .. ' ' .. r.customer .. ' ' .. r.seq .. ' ' .. r.at .. ' ' .. r.ttl .. ' ' .. text(r.deadline) .. ' '
    .. text(r.attempts) .. ' ' .. r.resolved .. ' ' .. r.print .. ' ' .. r.lines
end

-- A hot sale's lines are nearly always the same word: each is taken apart once a call.
local function line_reader()
  local known = {}
  return function(packed)
    local lines = known[packed]
    if not lines then
      lines = {}
      for sku, quantity in string.gmatch(packed, '([^*,]+)%*(%d+)') do
        lines[#lines + 1] = { sku = sku, quantity = tonumber(quantity) }
      end
      known[packed] = lines
    end
    return lines
  end
end

-- Entering: the lease and the keys ------------------------------------------------------------------------------------

local function clock_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + floor(t[2] / 1000)
end

local function not_ready(why) return nil, { 'NOT_READY', why } end

--- The sale as this call sees it, or nil and the NOT_READY reply.
local function enter(keys, args)
  local lease = leases[keys[STOCK]]
  if not lease then return not_ready('no lease') end
  if lease.building then return not_ready('rebuilding') end
  if lease.epoch ~= args[1] then return not_ready('another epoch') end
  local real = clock_ms()
  if real >= lease.ends then return not_ready('lease ended') end
  if redis.call('EXISTS', unpack(keys)) ~= KEY_COUNT then return not_ready('a key is missing') end
  local now = args[2] == '' and real or tonumber(args[2])
  if now < lease.now then now = lease.now end
  lease.now = now
  return { keys = keys, epoch = lease.epoch, now = now, at = text(now), lines = line_reader() }
end

--- The same for a chunk of a rebuild: both marks, and the next chunk number, or nothing is written.
local function enter_building(keys, args, chunk)
  local lease = leases[keys[STOCK]]
  if not lease or not lease.building or lease.epoch ~= args[1] then return not_ready('this rebuild is over') end
  local marks = redis.call('HMGET', keys[META], 'building', 'chunk')
  if marks[1] ~= args[1] or marks[2] ~= chunk or lease.chunk ~= chunk then return not_ready('chunk out of order') end
  if redis.call('EXISTS', unpack(keys)) ~= KEY_COUNT then return not_ready('a key is missing') end
  local now = args[2] == '' and clock_ms() or tonumber(args[2])
  if now < lease.now then now = lease.now end
  return { keys = keys, epoch = lease.epoch, now = now, at = text(now), lines = line_reader(), chunk = chunk }
end

local function next_chunk(sale)
  local lease = leases[sale.keys[STOCK]]
  lease.chunk = text(tonumber(sale.chunk) + 1)
  redis.call('HSET', sale.keys[META], 'chunk', lease.chunk)
end

-- A change: gathered in memory, then written at once --------------------------------------------------------------------

local function new_change(sale)
  return {
    sale = sale, items = {}, held = {}, res = {}, events = {},
    dead_add = {}, dead_rem = {}, pin_add = {}, pin_rem = {}, done_add = {}, done_rem = {}, touched = {},
  }
end

--- Loads seq and the items (by SKU) and units held (by "customer sku") that the change may move. Once a change.
local function load(change, skus, held_fields)
  local keys = change.sale.keys
  local fields = { '@seq', '@applied', '@trimmed', '@opens', '@closes', '@closed' }
  local known = {}
  for _, sku in ipairs(skus) do
    if not known[sku] then known[sku] = true; fields[#fields + 1] = sku end
  end
  local values = fetch('HMGET', keys[STOCK], fields)
  change.seq, change.applied, change.trimmed = tonumber(values[1]), tonumber(values[2]), tonumber(values[3])
  change.opens, change.closes, change.closed = tonumber(values[4]), tonumber(values[5]), values[6] == '1'
  for i = 7, #fields do
    if values[i] then
      local total, reserved, sold, cap = string.match(values[i], '^(%d+) (%-?%d+) (%d+) (%S+)$')
      change.items[fields[i]] =
        { total = tonumber(total), reserved = tonumber(reserved), sold = tonumber(sold), cap = tonumber(cap) }
    end
  end
  local asked, wanted = {}, {}
  for _, field in ipairs(held_fields) do
    if not asked[field] then asked[field] = true; wanted[#wanted + 1] = field end
  end
  if #wanted > 0 then
    local units = fetch('HMGET', keys[CUST], wanted)
    for i, field in ipairs(wanted) do change.held[field] = { units = tonumber(units[i] or 0) } end
  end
end

--- Loads what a list of packed records moves.
local function load_for(change, records)
  local skus, held = {}, {}
  for _, record in ipairs(records) do
    for _, line in ipairs(change.sale.lines(record.lines)) do
      skus[#skus + 1] = line.sku
      held[#held + 1] = record.customer .. ' ' .. line.sku
    end
  end
  load(change, skus, held)
end

local function move(change, customer, lines, reserved, sold, held)
  for _, line in ipairs(change.sale.lines(lines)) do
    local item, field = change.items[line.sku], customer .. ' ' .. line.sku
    item.reserved = item.reserved + reserved * line.quantity
    item.sold = item.sold + sold * line.quantity
    item.moved = true
    if held ~= 0 then
      local mine = change.held[field]
      mine.units = mine.units + held * line.quantity
      mine.moved = true
    end
  end
end

local function put(change, id, record)
  local res = change.res
  res[#res + 1] = id
  res[#res + 1] = write_record(record)
end

local function push(list, score, member)
  list[#list + 1] = score
  list[#list + 1] = member
end

--- Numbers a transition and packs it for the journal: "kind id createdSeq customer ttl deadline fingerprint lines".
local function transition(change, kind, id, record)
  change.seq = change.seq + 1
  change.events[#change.events + 1] = kind .. ' ' .. id .. ' ' .. record.seq .. ' ' .. record.customer .. ' ' .. record.ttl
    .. ' ' .. text(record.deadline) .. ' ' .. record.print .. ' ' .. record.lines
end

--- Takes a live reservation out of the live ones. `kind` nil: decided by the ledger, numbered there.
local function free(change, id, record, state, kind)
  move(change, record.customer, record.lines, -1, 0, -1)
  local from = record.state == 'A' and change.dead_rem or change.pin_rem
  from[#from + 1] = id
  record.state, record.resolved = state, change.sale.at
  push(change.done_add, change.sale.at, id)
  put(change, id, record)
  if kind then transition(change, kind, id, record) end
end

--- Writes the change. XADD goes first: it alone could be refused, and then nothing has been written.
local function flush(change)
  local keys, sale = change.sale.keys, change.sale
  if #change.events > 0 then
    redis.call('XADD', keys[EVENTS], sale.epoch .. '-' .. text(change.seq), 'at', sale.at, 'events',
      table.concat(change.events, '\n'))
  end
  local stock = { '@seq', text(change.seq), '@applied', text(change.applied), '@now', sale.at }
  for sku, item in pairs(change.items) do
    if item.moved then
      push(stock, sku, string.format('%.0f %.0f %.0f %s', item.total, item.reserved, item.sold, item.cap and text(item.cap) or '-'))
    end
  end
  send('HSET', keys[STOCK], stock)
  send('HSET', keys[RES], change.res)
  send('ZREM', keys[DEAD], change.dead_rem)
  send('ZREM', keys[PINNED], change.pin_rem)
  send('ZREM', keys[DONE], change.done_rem)
  send('ZADD', keys[DEAD], change.dead_add)
  send('ZADD', keys[PINNED], change.pin_add)
  send('ZADD', keys[DONE], change.done_add)
  local set, drop = {}, {}
  for field, mine in pairs(change.held) do
    if mine.moved then
      if mine.units == 0 then drop[#drop + 1] = field else push(set, field, text(mine.units)) end
    end
  end
  send('HSET', keys[CUST], set)
  send('HDEL', keys[CUST], drop)
end

--- Fetches the records of these ids; result[i] is nil where there is none.
local function records_of(sale, ids)
  local packed = fetch('HMGET', sale.keys[RES], ids)
  local records = {}
  for i = 1, #ids do records[i] = packed[i] and read_record(packed[i]) or nil end
  return records
end

-- Expiry ------------------------------------------------------------------------------------------------------------------

--- Expires active reservations whose deadline has come, oldest first, at most `limit`. Returns how many, and whether more wait.
local function sweep(sale, limit)
  local ids = redis.call('ZRANGE', sale.keys[DEAD], '-inf', sale.at, 'BYSCORE', 'LIMIT', 0, limit + 1)
  if #ids == 0 then return 0, false end
  local records = records_of(sale, ids)
  local chosen, lines = {}, 0
  for i, record in ipairs(records) do
    lines = lines + #sale.lines(record.lines)
    if i > limit or (i > 1 and lines > SWEEP_LINES) then break end
    chosen[i] = record
  end
  local change = new_change(sale)
  load_for(change, chosen)
  for i, record in ipairs(chosen) do free(change, ids[i], record, 'E', 'expired') end
  flush(change)
  return #chosen, #ids > #chosen
end

--- hf_expire: ARGV[3] limit → {OK, now, expired, more (0|1)}
local function expire(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local expired, more = sweep(sale, tonumber(args[3]))
  return { 'OK', sale.at, text(expired), more and '1' or '0' }
end

-- Reserve -----------------------------------------------------------------------------------------------------------------

--- Milliseconds until one more attempt passes a window of `limit` a minute, `into` ms into the current one.
local function wait_for(count, previous, limit, into)
  local spare = limit - 1 - count
  if spare >= 0 then
    local share = spare * MINUTE_MS
    return MINUTE_MS - (share - share % previous) / previous - into
  end
  local share = (limit - 1) * MINUTE_MS
  local later = MINUTE_MS - (share - share % count) / count
  if later < 0 then later = 0 end
  return MINUTE_MS - into + later
end

--- The two rate windows as one: names → attempts, this minute's and the last's.
local function open_windows(sale, names)
  local minute = floor(sale.now / MINUTE_MS)
  local this, last = sale.keys[WIN0 + minute % 2], sale.keys[WIN0 + (minute + 1) % 2]
  local now_counts, last_counts = fetch('HMGET', this, names), fetch('HMGET', last, names)
  local w = { key = this, minute = text(minute), into = sale.now - minute * MINUTE_MS, count = {}, previous = {}, moved = {} }
  w.fresh = now_counts[1] ~= w.minute
  local stale = last_counts[1] ~= text(minute - 1)
  for i = 2, #names do
    w.count[names[i]] = w.fresh and 0 or tonumber(now_counts[i] or 0)
    w.previous[names[i]] = stale and 0 or tonumber(last_counts[i] or 0)
  end
  return w
end

--- nil if one more attempt passes, else the wait in ms.
local function refused_by(w, name, limit)
  local count, previous = w.count[name], w.previous[name]
  if count * MINUTE_MS + previous * (MINUTE_MS - w.into) + MINUTE_MS <= limit * MINUTE_MS then return nil end
  return wait_for(count, previous, limit, w.into)
end

local function count_attempt(w, name)
  w.count[name] = w.count[name] + 1
  w.moved[name] = true
end

local function flush_windows(w)
  local list = { '@', w.minute }
  for name in pairs(w.moved) do push(list, name, text(w.count[name])) end
  if #list == 2 then return end
  if w.fresh then redis.call('UNLINK', w.key) end
  send('HSET', w.key, list)
end

local RESERVE_ARGS = 7

--- One command against the gathered change. Returns its reply word and what follows it.
local function decide(change, w, limits, command, seen, more_due)
  if w and not command.counted then
    local name, address = command.customer, command.address
    local wait = limits.customer > 0 and refused_by(w, name, limits.customer)
    local wait_address = limits.address > 0 and address ~= '' and refused_by(w, address, limits.address)
    if wait or wait_address then
      return (wait and 'rate-limited customer ' or 'rate-limited address ') .. text(later(wait or 0, wait_address or 0))
    end
    if limits.customer > 0 then count_attempt(w, name) end
    if limits.address > 0 and address ~= '' then count_attempt(w, address) end
  end
  if seen then
    if seen.customer ~= command.customer or seen.print ~= command.print then return 'key-reused' end
    return 'replayed ' .. write_record(seen)
  end
  if change.seq - change.trimmed >= STREAM_CAP then return 'backlogged' end
  local now = change.sale.now
  if change.closed or (change.closes and now >= change.closes) then return 'closed' end
  if change.opens and now < change.opens then return 'not-open ' .. text(change.opens) end
  local lines = change.sale.lines(command.lines)
  for _, line in ipairs(lines) do
    if not change.items[line.sku] then return 'unknown-sku ' .. line.sku end
  end
  for _, line in ipairs(lines) do
    local cap, units = change.items[line.sku].cap, change.held[command.customer .. ' ' .. line.sku].units
    if cap and units + line.quantity > cap then
      if more_due then return 'again' end
      return 'limit-exceeded ' .. line.sku .. ' ' .. text(cap) .. ' ' .. text(units)
    end
  end
  local short = {}
  for _, line in ipairs(lines) do
    local item = change.items[line.sku]
    local available = item.total - item.reserved - item.sold
    if available < line.quantity then
      short[#short + 1] = line.sku .. '*' .. text(available > 0 and available or 0) .. '*' .. text(item.reserved)
    end
  end
  if #short > 0 then
    if more_due then return 'again' end
    return 'short ' .. table.concat(short, ',')
  end
  local record = {
    state = 'A', customer = command.customer, seq = text(change.seq + 1), at = change.sale.at, ttl = command.ttl,
    deadline = now + tonumber(command.ttl) * 1000, attempts = 0, resolved = '0', print = command.print, lines = command.lines,
  }
  move(change, command.customer, command.lines, 1, 0, 1)
  put(change, command.id, record)
  push(change.dead_add, text(record.deadline), command.id)
  transition(change, 'reserved', command.id, record)
  return 'reserved ' .. record.seq, record
end

--- hf_reserve: ARGV[3] limit a customer, ARGV[4] limit an address (0 = off), ARGV[5] n, then n times:
--- id, customer, address, ttl, fingerprint, counted (1: this attempt passed the windows in an earlier call), lines.
--- Replies {OK, now, …n words}: "reserved seq" | "replayed record" | "key-reused" | "rate-limited customer|address ms" |
--- "backlogged" | "closed" | "not-open opens" | "unknown-sku sku" | "limit-exceeded sku cap held" |
--- "short sku*available*reserved,…" | "again": counted, but stock or cap is short while due reservations still wait: call
--- again | "wait": undecided and uncounted, because one before it said "again".
local function reserve(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local _, more_due = sweep(sale, SWEEP_IN_RESERVE)
  local limits = { customer = tonumber(args[3]), address = tonumber(args[4]) }
  local n = tonumber(args[5])
  local commands, ids, names, skus, held = {}, {}, { '@' }, {}, {}
  for i = 1, n do
    local p = 5 + (i - 1) * RESERVE_ARGS
    local c = {
      id = args[p + 1], customer = args[p + 2], address = args[p + 3], ttl = args[p + 4],
      print = args[p + 5], counted = args[p + 6] == '1', lines = args[p + 7],
    }
    commands[i], ids[i] = c, c.id
    names[#names + 1] = c.customer
    if c.address ~= '' then names[#names + 1] = c.address end
    for _, line in ipairs(sale.lines(c.lines)) do
      skus[#skus + 1] = line.sku
      held[#held + 1] = c.customer .. ' ' .. line.sku
    end
  end
  local w = (limits.customer > 0 or limits.address > 0) and open_windows(sale, names) or nil
  local seen = records_of(sale, ids)
  local change = new_change(sale)
  load(change, skus, held)
  local fresh, reply = {}, { 'OK', sale.at }
  local again = false
  for i = 1, n do
    local command = commands[i]
    local word, record
    if again then
      word = 'wait'
    else
      word, record = decide(change, w, limits, command, fresh[command.id] or seen[i], more_due)
      again = word == 'again'
    end
    if record then fresh[command.id] = record end
    reply[i + 2] = word
  end
  if #change.events > 0 then flush(change) end
  if w then flush_windows(w) end
  return reply
end

-- Confirm, release ------------------------------------------------------------------------------------------------------------

local RESOLVED = { F = 'confirmed', R = 'released', E = 'expired', L = 'lost' }

--- Runs `decide_one(change, id, record)` for n pairs of id and customer from ARGV[3] (n) on. A record that is missing, or
--- another customer's, is "missing"; an active one past its deadline is expired here and says so, unless `leaves_due`.
local function each_pair(keys, args, decide_one, leaves_due)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local n = tonumber(args[3])
  local ids, present = {}, {}
  for i = 1, n do ids[i] = args[2 + 2 * i] end
  local records = records_of(sale, ids)
  local by_id = {}
  for i = 1, n do
    local record = records[i]
    if record and not by_id[ids[i]] then
      by_id[ids[i]] = record
      present[#present + 1] = record
    end
  end
  local change = new_change(sale)
  load_for(change, present)
  local reply = { 'OK', sale.at }
  for i = 1, n do
    local id, record = ids[i], by_id[ids[i]]
    if not record or record.customer ~= args[3 + 2 * i] then
      reply[i + 2] = 'missing'
    elseif record.state == 'A' and record.deadline <= sale.now and not leaves_due then
      free(change, id, record, 'E', 'expired')
      reply[i + 2] = 'expired'
    else
      reply[i + 2] = decide_one(change, id, record)
    end
  end
  if #change.res > 0 then flush(change) end
  return reply
end

--- hf_pin: confirm, step 1. → "pinned record" | "confirmed" | "released" | "expired" | "lost" | "missing"
local function pin(keys, args)
  return each_pair(keys, args, function(change, id, record)
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
    put(change, id, record)
    return 'pinned ' .. write_record(record)
  end)
end

--- hf_unpin: a definite failure before the commit. Back to active only if its attempt was the only one: else a slow first
--- attempt commits what the second one released. → "active" | "pinned" | a resolved state | "missing"
local function unpin(keys, args)
  return each_pair(keys, args, function(change, id, record)
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
  return each_pair(keys, args, function(change, id, record)
    if record.state == 'R' then return 'released 1 ' .. write_record(record) end
    if record.state == 'C' then return 'confirming' end
    if RESOLVED[record.state] then return RESOLVED[record.state] end
    free(change, id, record, 'R', 'released')
    return 'released 0 ' .. write_record(record)
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

-- The ledger's entries -----------------------------------------------------------------------------------------------------------

local ENTRY_ARGS = 6

--- The record of a reservation that the ledger sold and this store has lost. What it was asked for with is not known any
--- more: its key can only be answered as reused, and never has a second effect.
local function sold_unseen(sale, entry)
  return {
    state = 'F', customer = entry.customer, seq = entry.created, at = sale.at, ttl = '0', deadline = sale.now, attempts = 0,
    resolved = sale.at, print = '-', lines = entry.payload,
  }
end

local function apply_outcome(change, entry, by_id)
  local record = by_id[entry.id]
  -- Lost transitions may have taken their numbers with them: one that the ledger knows is never given to another life.
  change.seq = later(change.seq, tonumber(entry.created))
  local state = record and record.seq == entry.created and record.state or 'gone'
  local live = state == 'A' or state == 'C'
  if entry.kind == 'confirmed' then
    if state == 'F' then return end
    if not live then -- the store had given it back, or never heard of it: the sale stands all the same
      move(change, entry.customer, entry.payload, 0, 1, 1)
      if not record then
        record = sold_unseen(change.sale, entry)
        by_id[entry.id] = record
      end
      if record.seq == entry.created then
        record.state, record.resolved = 'F', change.sale.at
        push(change.done_add, change.sale.at, entry.id)
        put(change, entry.id, record)
      end
      return
    end
    move(change, record.customer, record.lines, -1, 1, 0)
    local from = state == 'A' and change.dead_rem or change.pin_rem
    from[#from + 1] = entry.id
    record.state, record.resolved = 'F', change.sale.at
    push(change.done_add, change.sale.at, entry.id)
    put(change, entry.id, record)
  elseif live then
    free(change, entry.id, record, entry.kind == 'expired' and 'E' or 'L', nil)
  end
end

local function apply_settings(keys, kind, payload)
  if kind == 'closed' then
    redis.call('HSET', keys[STOCK], '@closed', '1')
  else
    local opens, closes, closed = string.match(payload, '^(%S+) (%S+) (%d)$')
    redis.call('HSET', keys[STOCK], '@opens', opens, '@closes', closes, '@closed', closed)
  end
end

--- Entries of the ledger's numbering, in order; those applied before are skipped, a gap ends it. Journals nothing.
local function apply_entries(sale, args, first, n)
  local keys, change = sale.keys, new_change(sale)
  local entries, ids, skus, held = {}, {}, {}, {}
  for i = 1, n do
    local p = first + (i - 1) * ENTRY_ARGS
    local e = {
      seq = tonumber(args[p]), kind = args[p + 1], id = args[p + 2], created = args[p + 3],
      customer = args[p + 4], payload = args[p + 5],
    }
    entries[i] = e
    if e.id ~= '' then
      ids[#ids + 1] = e.id
      for _, line in ipairs(sale.lines(e.payload)) do
        skus[#skus + 1] = line.sku
        held[#held + 1] = e.customer .. ' ' .. line.sku
      end
    elseif e.kind == 'item-added' then
      skus[#skus + 1] = string.match(e.payload, '^%S+')
    end
  end
  load(change, skus, held)
  local by_id, records = {}, #ids > 0 and records_of(sale, ids) or {}
  for i = 1, #ids do by_id[ids[i]] = by_id[ids[i]] or records[i] end
  local settings = {}
  for _, e in ipairs(entries) do
    if e.seq > change.applied + 1 then break end
    if e.seq == change.applied + 1 then
      if e.id ~= '' then
        apply_outcome(change, e, by_id)
      elseif e.kind == 'item-added' then
        local sku, total, cap = string.match(e.payload, '^(%S+) (%d+) (%S+)$')
        if not change.items[sku] then
          change.items[sku] = { total = tonumber(total), reserved = 0, sold = 0, cap = tonumber(cap), moved = true }
        end
      else
        settings[#settings + 1] = e
      end
      change.applied = e.seq
    end
  end
  flush(change)
  for _, e in ipairs(settings) do apply_settings(keys, e.kind, e.payload) end
  return text(change.applied)
end

--- hf_apply: ARGV[3] chunk number during a rebuild, else "", ARGV[4] n, then n times: seq, kind, id, createdSeq, customer,
--- payload (lines | "sku total cap" | "opens closes closed" | ""). → {OK, now, applied}
local function apply(keys, args)
  local sale, no
  if args[3] == '' then sale, no = enter(keys, args) else sale, no = enter_building(keys, args, args[3]) end
  if not sale then return no end
  local applied = apply_entries(sale, args, 5, tonumber(args[4]))
  if sale.chunk then next_chunk(sale) end
  return { 'OK', sale.at, applied }
end

-- Reads, trimming, purging ----------------------------------------------------------------------------------------------------------

--- hf_read: ARGV[3] n, then n ids → {OK, now, record or "" …}
local function read(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local ids = {}
  for i = 1, tonumber(args[3]) do ids[i] = args[3 + i] end
  local reply = { 'OK', sale.at }
  for i, packed in ipairs(fetch('HMGET', keys[RES], ids)) do reply[i + 2] = packed or '' end
  return reply
end

--- hf_snapshot → {OK, now, live, field, value, field, value, …} of the stock key
local function snapshot(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local reply = { 'OK', sale.at, text(redis.call('ZCARD', keys[DEAD]) + redis.call('ZCARD', keys[PINNED]) - 2) }
  for _, value in ipairs(redis.call('HGETALL', keys[STOCK])) do reply[#reply + 1] = value end
  return reply
end

--- hf_trim: ARGV[3] epoch, ARGV[4] seq: drops the stream's entries up to there; the journal has them. → {OK, now}
local function trim(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  redis.call('XTRIM', keys[EVENTS], 'MINID', args[3] .. '-' .. text(tonumber(args[4]) + 1))
  local trimmed = tonumber(redis.call('HGET', keys[STOCK], '@trimmed'))
  if tonumber(args[4]) > trimmed then redis.call('HSET', keys[STOCK], '@trimmed', args[4]) end
  return { 'OK', sale.at }
end

--- hf_purge: ARGV[3] limit: forgets reservations resolved 24 h ago, oldest first → {OK, now, purged}
local function purge(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local ids = redis.call('ZRANGE', keys[DONE], '-inf', text(sale.now - REPLAY_KEPT_MS), 'BYSCORE', 'LIMIT', 0, args[3])
  send('HDEL', keys[RES], ids)
  send('ZREM', keys[DONE], ids)
  return { 'OK', sale.at, text(#ids) }
end

-- Lease and rebuild (protocols.md §6, §7) ------------------------------------------------------------------------------------------------

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
--- → "granted", applied, seq, first deadline, first end of a pin (ms or "inf") | "refused", why. A client reconnects silently between a check and a grant: so this checks itself.
local function grant(keys, args)
  if not same_server(args, 3) then return { 'refused', 'another server' } end
  local lease, epoch = leases[keys[STOCK]], tonumber(args[1])
  if lease and tonumber(lease.epoch) > epoch then return { 'refused', 'a newer epoch is leased' } end
  if redis.call('EXISTS', unpack(keys)) ~= KEY_COUNT then return { 'refused', 'a key is missing' } end
  local marks = redis.call('HMGET', keys[META], 'epoch', 'building')
  if marks[2] and marks[2] ~= '' then return { 'refused', 'rebuilding' } end
  if marks[1] ~= args[1] then return { 'refused', 'another epoch' } end
  local state = redis.call('HMGET', keys[STOCK], '@applied', '@seq', '@now')
  local ends, now = tonumber(args[5]), tonumber(state[3])
  if lease and lease.epoch == args[1] and not lease.building then
    ends, now = later(lease.ends, ends), later(lease.now, now)
  end
  leases[keys[STOCK]] = { epoch = args[1], ends = ends, now = now }
  return { 'granted', state[1], state[2], first_score(keys[DEAD]), first_score(keys[PINNED]) }
end

--- hf_begin: first call of a rebuild: replaces the lease by {epoch, building} and marks meta.
--- ARGV as hf_grant's first four. → "begun", keys present, meta epoch, unfinished mode, seq, applied | "refused", why
local function begin(keys, args)
  if not same_server(args, 3) then return { 'refused', 'another server' } end
  local lease, epoch = leases[keys[STOCK]], tonumber(args[1])
  if lease and tonumber(lease.epoch) > epoch then return { 'refused', 'a newer epoch is leased' } end
  local marks = redis.call('HMGET', keys[META], 'epoch', 'building', 'mode')
  if marks[1] and tonumber(marks[1]) >= epoch then return { 'refused', 'a newer epoch was granted' } end
  if marks[2] and marks[2] ~= '' and tonumber(marks[2]) > epoch then return { 'refused', 'a newer rebuild has begun' } end
  local present = redis.call('EXISTS', unpack(keys))
  local state = redis.call('HMGET', keys[STOCK], '@seq', '@applied', '@now')
  leases[keys[STOCK]] = { epoch = args[1], building = true, chunk = '0', now = tonumber(state[3] or 0) }
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
    '@opens', '-', '@closes', '-', '@closed', '0')
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

--- hf_load: a chunk of a cold rebuild. ARGV[3] chunk, ARGV[4] items, ARGV[5] bought, ARGV[6] records, then the items as
--- (sku, total, sold, cap), the units bought as (customer, sku, quantity), the records as (id, record). → {OK, now}
local function load_chunk(keys, args)
  local sale, no = enter_building(keys, args, args[3])
  if not sale then return no end
  local p, stock, bought = 7, {}, {}
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
    record = {
      state = 'A', customer = customer, seq = seq, at = at, ttl = ttl, deadline = tonumber(deadline), attempts = 0,
      resolved = '0', print = print, lines = lines,
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
  elseif (kind == 'released' or kind == 'expired') and (record.state == 'A' or record.state == 'C') then
    move(change, record.customer, record.lines, -1, 0, -1)
    record.state, record.resolved = kind == 'released' and 'R' or 'E', at
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
  for i, id in ipairs(ids) do by_id[id] = records[i] end
  local change = new_change(sale)
  load_for(change, movers)
  for i = 1, n do replay_one(change, args[4 + 2 * i], args[5 + 2 * i], by_id) end
  settle(change)
  change.seq = later(change.seq, tonumber(args[4]))
  flush(change)
  next_chunk(sale)
  return { 'OK', sale.at }
end

--- hf_finish: ends a rebuild. ARGV[3] chunk, ARGV[4] lowest seq to continue after, ARGV[5] l entries the snapshot held or "",
--- then opens, closes, closed or nothing. The drained stream is dropped. The grant is another call. → {OK, now, seq, applied}
local function finish(keys, args)
  local sale, no = enter_building(keys, args, args[3])
  if not sale then return no end
  local state = redis.call('HMGET', keys[STOCK], '@seq', '@applied')
  local seq = text(later(tonumber(state[1]), tonumber(args[4])))
  local applied = args[5] == '' and state[2] or args[5]
  redis.call('HSET', keys[STOCK], '@seq', seq, '@trimmed', seq, '@applied', applied)
  if args[6] then redis.call('HSET', keys[STOCK], '@opens', args[6], '@closes', args[7], '@closed', args[8]) end
  redis.call('XTRIM', keys[EVENTS], 'MAXLEN', 0)
  redis.call('HSET', keys[META], 'epoch', args[1], 'building', '', 'chunk', '', 'mode', '')
  return { 'OK', sale.at, seq, applied }
end

-- General rate windows (everything but reserve): two keys, no sale, no lease; lost with the server. ---------------------------------------------

--- hf_limit: KEYS two windows; ARGV[1] clock or "", ARGV[2] n, then n times: customer or "", its limit, address or "", its limit.
--- → n times "pass" | "customer ms" | "address ms"
local function limit(keys, args)
  local now = args[1] == '' and clock_ms() or tonumber(args[1])
  local n = tonumber(args[2])
  local names = { '@' }
  for i = 1, n do
    for p = 4 * i - 1, 4 * i + 1, 2 do
      if args[p] ~= '' then names[#names + 1] = args[p] end
    end
  end
  local w = open_windows({ now = now, keys = { [WIN0] = keys[1], [WIN0 + 1] = keys[2] } }, names)
  local reply = {}
  for i = 1, n do
    local customer, most, address, most_address = args[4 * i - 1], tonumber(args[4 * i]), args[4 * i + 1], tonumber(args[4 * i + 2])
    local by_customer, by_address = customer ~= '' and most > 0, address ~= '' and most_address > 0
    local wait = by_customer and refused_by(w, customer, most)
    local wait_address = by_address and refused_by(w, address, most_address)
    if wait or wait_address then
      reply[i] = (wait and 'customer ' or 'address ') .. text(later(wait or 0, wait_address or 0))
    else
      if by_customer then count_attempt(w, customer) end
      if by_address then count_attempt(w, address) end
      reply[i] = 'pass'
    end
  end
  flush_windows(w)
  return reply
end

-- Registration. Only reserve may be refused for want of memory: all else frees, resolves or repairs. -------------------------------------------

local function register(name, callback, ...)
  redis.register_function({ function_name = name, callback = callback, flags = { ... } })
end

register('hf_reserve', reserve)
register('hf_pin', pin, 'allow-oom')
register('hf_unpin', unpin, 'allow-oom')
register('hf_release', release, 'allow-oom')
register('hf_expire', expire, 'allow-oom')
register('hf_apply', apply, 'allow-oom')
register('hf_trim', trim, 'allow-oom')
register('hf_purge', purge, 'allow-oom')
register('hf_due_pins', due_pins, 'no-writes')
register('hf_read', read, 'no-writes')
register('hf_snapshot', snapshot, 'no-writes')
register('hf_identity', who, 'no-writes')
register('hf_grant', grant, 'no-writes')
register('hf_begin', begin, 'allow-oom')
register('hf_clear', clear, 'allow-oom')
register('hf_load', load_chunk, 'allow-oom')
register('hf_replay', replay, 'allow-oom')
register('hf_finish', finish, 'allow-oom')
register('hf_limit', limit, 'allow-oom')

-- Reconcile: looking at a sale that goes on being sold --------------------------------------------------------------
--
-- Looks in pages, each about a quarter of a millisecond to one. A page is one atomic call: what it says of a record and
-- its index entry, or of an entry and its record, held together. Sums over many pages are held together by positions: a
-- page of counters names the time, the transition and the ledger entry at which it was read, and sets the sale's clock on
-- by 1 ms, so that whatever changes afterwards bears a later time. A record says when its reservation began (its number)
-- and ended (its time): so the records, read later and at leisure, tell which of them counted at that position.
-- The cursors are HSCAN's and ZSCAN's: what is there all the while is shown, maybe twice.

--- Where the counters of this call stand: now, seq, applied.
local function position(sale)
  local at = redis.call('HMGET', sale.keys[STOCK], '@seq', '@applied')
  leases[sale.keys[STOCK]].now = sale.now + 1
  return at[1], at[2]
end

--- The numbers of the first and of the last transition that wait in the stream, "" if none does.
local function waiting_span(keys)
  local first = redis.call('XRANGE', keys[EVENTS], '-', '+', 'COUNT', 1)[1]
  if not first then return '', '' end
  local last = redis.call('XREVRANGE', keys[EVENTS], '+', '-', 'COUNT', 1)[1]
  local from, through = first[2][4], string.match(last[1], '%-(%d+)$')
  if first[2][3] ~= 'from' then -- left there by the library before version 3: a line each
    local _, more = string.gsub(from or '', '\n', '')
    from = text(tonumber(string.match(first[1], '%-(%d+)$')) - more)
  end
  return from, through
end

--- hf_look_stock → {OK, now, seq, applied, records, customers' counters, first deadline's id, that deadline, number the epoch
--- began after or "", first and last number in the stream or "", keys without their sentinel, field, value, … of the stock}
local function look_stock(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local seq, applied = position(sale)
  local due = redis.call('ZRANGE', keys[DEAD], 0, 0, 'WITHSCORES')
  local first, last = waiting_span(keys)
  local bare = 2 - redis.call('HEXISTS', keys[RES], '@') - redis.call('HEXISTS', keys[CUST], '@')
  for key = DEAD, DONE do
    if not redis.call('ZSCORE', keys[key], '@') then bare = bare + 1 end
  end
  local reply = {
    'OK', sale.at, seq, applied, text(redis.call('HLEN', keys[RES])), text(redis.call('HLEN', keys[CUST])),
    due[1] or '', due[2] or 'inf', redis.call('HGET', keys[META], 'start') or '', first, last, text(bare),
  }
  for _, value in ipairs(redis.call('HGETALL', keys[STOCK])) do reply[#reply + 1] = value end
  return reply
end

--- hf_look_held: ARGV[3] cursor, ARGV[4] about how many → {OK, now, next cursor, seq, applied, "customer sku", units, …}
local function look_held(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local seq, applied = position(sale)
  local page = redis.call('HSCAN', keys[CUST], args[3], 'COUNT', args[4])
  local reply = { 'OK', sale.at, page[1], seq, applied }
  for i = 1, #page[2], 2 do
    -- A name alone is no counter: what that customer let expire.
    if string.find(page[2][i], ' ', 1, true) then push(reply, page[2][i], page[2][i + 1]) end
  end
  return reply
end

-- Of a record, what its place is told by: taking all of it apart would cost three times as much.
local PLACED = '^(%u) %S+ %d+ %d+ %d+ (%d+) %d+ %d+ (%d+) %S+ %S+$'

--- Which index a record of this state belongs to, or nil.
local function index_of(state) return state == 'A' and DEAD or state == 'C' and PINNED or RESOLVED[state] and DONE or nil end

--- What is wrong with a record in its index, or "".
local function misfiled(key, deadline, score)
  if not score then return 'unindexed' end
  if key == DEAD and tonumber(score) ~= tonumber(deadline) then return 'misplaced' end
  if key == PINNED and tonumber(score) < tonumber(deadline) then return 'misplaced' end
  return ''
end

--- hf_look_records: ARGV[3] cursor, ARGV[4] about how many, ARGV[5] ms → {OK, now, next cursor, looked at, id, record, wrong, …}:
--- those that are live, or were after that time, or are wrong: "" | "malformed" | "unindexed" | "misplaced"
local function look_records(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local page, since = redis.call('HSCAN', keys[RES], args[3], 'COUNT', args[4]), tonumber(args[5])
  local found, looked, ids = page[2], 0, { [DEAD] = {}, [PINNED] = {}, [DONE] = {} }
  local facts = { [DEAD] = {}, [PINNED] = {}, [DONE] = {} } -- of each id: record, deadline, resolved
  local reply = { 'OK', sale.at, page[1], '' }
  for i = 1, #found, 2 do
    local id, packed = found[i], found[i + 1]
    if id ~= '@' then
      looked = looked + 1
      local state, deadline, resolved = string.match(packed, PLACED)
      local key = index_of(state)
      if key then
        local of, about = ids[key], facts[key]
        of[#of + 1] = id
        push(about, packed, deadline)
        about[#about + 1] = resolved
      else
        push(reply, id, packed)
        reply[#reply + 1] = 'malformed'
      end
    end
  end
  reply[4] = text(looked)
  for key = DEAD, DONE do
    local about = facts[key]
    for i, score in ipairs(#ids[key] > 0 and fetch('ZMSCORE', keys[key], ids[key]) or {}) do
      local wrong = misfiled(key, about[3 * i - 1], score)
      if wrong ~= '' or key ~= DONE or tonumber(about[3 * i]) > since then
        push(reply, ids[key][i], about[3 * i - 2])
        reply[#reply + 1] = wrong
      end
    end
  end
  return reply
end

--- hf_look_index: ARGV[3] "dead" | "pinned" | "done", ARGV[4] cursor, ARGV[5] about how many
--- → {OK, now, next cursor, looked at, id, "no record" | state of its record, …}: entries whose record belongs elsewhere
local function look_index(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local key = args[3] == 'dead' and DEAD or args[3] == 'pinned' and PINNED or DONE
  local page = redis.call('ZSCAN', keys[key], args[4], 'COUNT', args[5])
  local ids = {}
  for i = 1, #page[2], 2 do
    if page[2][i] ~= '@' then ids[#ids + 1] = page[2][i] end
  end
  local reply = { 'OK', sale.at, page[1], text(#ids) }
  local packed = #ids > 0 and fetch('HMGET', keys[RES], ids) or {}
  for i, id in ipairs(ids) do
    local state = packed[i] and string.match(packed[i], '^%u') or nil
    if index_of(state) ~= key then push(reply, id, packed[i] and (state or '?') or 'no record') end
  end
  return reply
end

--- hf_doubt: the sale was found damaged: ends its lease and marks it, so that nothing is granted before it has been loaded anew
--- from the ledger; whoever looks at it next does that. Nothing else is written: the stream is still drained. → {OK, now}
local function doubt(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  redis.call('HSET', keys[META], 'building', sale.epoch, 'chunk', '', 'mode', 'doubted')
  leases[keys[STOCK]] = nil
  return { 'OK', sale.at }
end

-- A change: gathered in memory, then written at once ------------------------------------------------------------------

local function new_change(sale)
  return {
    pends = {},
    sale = sale, items = {}, held = {}, held_now = {}, res = {}, events = {}, reserved = {}, taken = 0,
    dead_add = {}, dead_rem = {}, pin_add = {}, pin_rem = {}, done_add = {}, done_rem = {}, touched = {},
  }
end

--- Loads seq and the items (by SKU) and units held (by "customer sku") that the change may move; in a sale with a cooldown also
--- what customers[first … last] let expire, at the end of the fields; `anyway`: it may get one by this change. Once a change.
local function load(change, skus, held_fields, customers, first, last, anyway)
  local keys = change.sale.keys
  local fields = { '@seq', '@applied', '@trimmed', '@opens', '@closes', '@closed', '@cooldown' }
  local known = {}
  for _, sku in ipairs(skus) do
    if not known[sku] then known[sku] = true; fields[#fields + 1] = sku end
  end
  local values = fetch('HMGET', keys[STOCK], fields)
  change.seq, change.applied, change.trimmed = tonumber(values[1]), tonumber(values[2]), tonumber(values[3])
  change.opens, change.closes, change.closed = tonumber(values[4]), tonumber(values[5]), values[6] == '1'
  for i = 8, #fields do
    if values[i] then
      local total, reserved, sold, cap = string.match(values[i], '^(%-?%d+) (%-?%d+) (%d+) (%S+)$')
      change.items[fields[i]] =
        { total = tonumber(total), reserved = tonumber(reserved), sold = tonumber(sold), cap = tonumber(cap) }
    end
  end
  local counters = #held_fields
  if counters == 0 then return end
  change.cooldown = read_cooldown(values[7])
  if change.cooldown or anyway then
    change.expiries, change.expiries_now = {}, {}
    for i = first, last do held_fields[#held_fields + 1] = customers[i] end
  end
  local units = fetch('HMGET', keys[CUST], held_fields)
  for i = 1, counters do
    if units[i] then change.held[held_fields[i]] = tonumber(units[i]) end
  end
  for i = counters + 1, #held_fields do
    if units[i] then change.expiries[held_fields[i]] = units[i] end
  end
end

--- Units that "customer sku" holds as this change leaves it. Most customers come for the first time: they are in neither table.
local function units_of(change, field) return change.held_now[field] or change.held[field] or 0 end

--- Loads what a list of packed records moves.
local function load_for(change, records)
  local skus, held, customers = {}, {}, {}
  for i, record in ipairs(records) do
    customers[i] = record.customer
    for _, line in ipairs(change.sale.lines(record.lines)) do
      skus[#skus + 1] = line.sku
      held[#held + 1] = record.customer .. ' ' .. line.sku
    end
  end
  load(change, skus, held, customers, 1, #customers)
end

local function move(change, customer, lines, reserved, sold, held)
  for _, line in ipairs(change.sale.lines(lines)) do
    local item = change.items[line.sku]
    item.reserved = item.reserved + reserved * line.quantity
    item.sold = item.sold + sold * line.quantity
    item.moved = true
    if held ~= 0 then
      local field = customer .. ' ' .. line.sku
      change.held_now[field] = units_of(change, field) + held * line.quantity
    end
  end
end

local function put(change, id, record)
  local res, packed = change.res, write_record(record)
  res[#res + 1] = id
  res[#res + 1] = packed
  return packed
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
  if state == 'E' then note_expiry(change, record.customer, record.deadline) end
  if kind then transition(change, kind, id, record) end
end

--- Writes the change. XADD goes first: it alone could be refused, and then nothing has been written.
local function flush(change)
  local keys, sale = change.sale.keys, change.sale
  if #change.events > 0 then
    redis.call('XADD', keys[EVENTS], sale.epoch .. '-' .. text(change.seq), 'at', sale.at,
      'from', text(change.seq - #change.events + 1), 'events', table.concat(change.events, '\n'))
  end
  if change.taken > 0 then
    redis.call('XADD', keys[EVENTS], sale.epoch .. '-' .. text(change.seq), 'at', sale.at,
      'from', text(change.seq - change.taken + 1), 'reserved', table.concat(change.reserved, ' '))
  end
  local stock = { '@seq', text(change.seq), '@applied', text(change.applied), '@now', sale.at }
  for sku, item in pairs(change.items) do
    if item.moved then
      push(stock, sku, text(item.total) .. ' ' .. text(item.reserved) .. ' ' .. text(item.sold) .. ' ' .. (item.cap and text(item.cap) or '-'))
    end
  end
  send('HSET', keys[STOCK], stock)
  for operation, pend in pairs(change.pends) do
    local field = '@pend ' .. operation
    local moved = pend and redis.call('HSET', keys[STOCK], field, pend) or -redis.call('HDEL', keys[STOCK], field)
    if moved ~= 0 then redis.call('HINCRBY', keys[STOCK], '@pends', text(moved)) end
  end
  send('HSET', keys[RES], change.res)
  send('ZREM', keys[DEAD], change.dead_rem)
  send('ZREM', keys[PINNED], change.pin_rem)
  send('ZREM', keys[DONE], change.done_rem)
  send('ZADD', keys[DEAD], change.dead_add)
  send('ZADD', keys[PINNED], change.pin_add)
  send('ZADD', keys[DONE], change.done_add)
  local set, drop = {}, {}
  for field, units in pairs(change.held_now) do
    if units == 0 then drop[#drop + 1] = field else push(set, field, text(units)) end
  end
  if change.expiries_now then
    for customer, deadlines in pairs(change.expiries_now) do push(set, customer, deadlines) end
  end
  send('HSET', keys[CUST], set)
  send('HDEL', keys[CUST], drop)
end

--- "sku quantity ends" of a pend by its operation, or nil; what this change did to it counts.
local function pended(change, operation)
  local known = change.pends[operation]
  if known ~= nil then return known or nil end
  return redis.call('HGET', change.sale.keys[STOCK], '@pend ' .. operation) or nil
end

local function drop_pend(change, operation) change.pends[operation] = false end

--- Fetches the records of these ids; result[i] is nil where there is none.
local function records_of(sale, ids)
  local packed = fetch('HMGET', sale.keys[RES], ids)
  local records = {}
  for i = 1, #ids do records[i] = packed[i] and read_record(packed[i]) or nil end
  return records
end

-- Reserve ------------------------------------------------------------------------------------------------------------
--
-- The hot path. What costs here is neither stock nor arithmetic: it is each argument, each new word and each look into a
-- table, a command. So commands come in columns that are handed to Redis as they are, what those with one body have in
-- common is made once, and the stream gets words that are there anyway.

local FIRST_BODY, BODY_ARGS = 9, 3

--- The b bodies: how a reservation of each begins, but for its customer and number, and what the stream says of it.
local function read_bodies(sale, args, b)
  local bodies, skus = {}, {}
  for i = 1, b do
    local p = FIRST_BODY + (i - 1) * BODY_ARGS
    local ttl, print, lines = args[p], args[p + 1], args[p + 2]
    local record = {
      at = sale.at, ttl = ttl, deadline = sale.now + tonumber(ttl) * 1000, attempts = 0, extensions = 0, resolved = '0',
      print = print, lines = lines,
    }
    local due = text(record.deadline)
    local body = {
      print = print, due = due, tail = record_tail(record), event = '= ' .. ttl .. ' ' .. due .. ' ' .. print .. ' ' .. lines,
      lines = sale.lines(lines), items = {}, quantities = {}, fields = {},
    }
    for k, line in ipairs(body.lines) do
      skus[#skus + 1], body.fields[k] = line.sku, ' ' .. line.sku
    end
    bodies[i] = body
  end
  return bodies, skus
end

--- Finds the items of a body, and why it can be reserved by nobody just now.
local function meet_items(change, body)
  local now = change.sale.now
  if change.closed or (change.closes and now >= change.closes) then body.refused = 'closed'
  elseif change.opens and now < change.opens then body.refused = 'not-open ' .. text(change.opens) end
  for k, line in ipairs(body.lines) do
    local item = change.items[line.sku]
    if item then item.free = item.total - item.reserved - item.sold end
    body.items[k], body.quantities[k] = item, line.quantity
    if not item then body.refused = body.refused or 'unknown-sku ' .. line.sku end
  end
end

--- Counts an attempt, or says why it does not pass the windows.
local function pass_windows(w, customer, most, address, most_address)
  local wait = most > 0 and refused_by(w, customer, most)
  local wait_address = address ~= '' and refused_by(w, address, most_address)
  if wait or wait_address then
    return (wait and 'rate-limited customer ' or 'rate-limited address ') .. text(later(wait or 0, wait_address or 0))
  end
  if most > 0 then count_attempt(w, customer) end
  if address ~= '' then count_attempt(w, address) end
end

--- Why one that is cooled down may not try, or nil. The wait is until the next attempt would pass the windows too; this one is
--- counted in neither.
local function cool(change, w, customer, most, address, most_address)
  local wait = cooling_ms(change, customer)
  if not wait then return nil end
  if most > 0 then wait = later(wait, refused_by(w, customer, most) or 0) end
  if address ~= '' then wait = later(wait, refused_by(w, address, most_address) or 0) end
  return 'cooling-down ' .. text(wait) .. ' ' .. text(change.cooldown.most) .. ' ' .. text(change.cooldown.ms)
end

local SEEN = '^%u (%S+) %d+ %d+ %d+ %d+ %d+ %d+ %d+ (%S+) '

--- The answer first given, to whom it was given; nobody else's key is known to them.
local function replay_of(seen, customer, body)
  local owner, print = string.match(seen, SEEN)
  if owner ~= customer or print ~= body.print then return 'key-reused' end
  return 'replayed ' .. seen
end

--- The reply word of a refusal for want of stock.
local function short_of(body)
  local words = {}
  for k, item in ipairs(body.items) do
    if item.free < body.quantities[k] then
      words[#words + 1] = body.lines[k].sku .. '*' .. text(later(item.free, 0)) .. '*' .. text(item.reserved)
    end
  end
  return 'short ' .. table.concat(words, ',')
end

--- Takes the units if the customer may have them and they are there. `held` names the units it has of each line, from `at` on.
--- Returns the reservation's number and record, or the refusal's reply word.
local function take(change, id, customer, body, held, at)
  local items, quantities, before, now = body.items, body.quantities, change.held, change.held_now
  local short = false
  for k = 1, #items do
    local item, quantity = items[k], quantities[k]
    local cap, field = item.cap, held[at + k]
    if cap then
      local units = now[field] or before[field] or 0
      if units + quantity > cap then
        return 'limit-exceeded ' .. body.lines[k].sku .. ' ' .. text(cap) .. ' ' .. text(units)
      end
    end
    short = short or item.free < quantity
  end
  if short then return short_of(body) end
  for k = 1, #items do
    local item, quantity, field = items[k], quantities[k], held[at + k]
    item.free, item.reserved, item.moved = item.free - quantity, item.reserved + quantity, true
    now[field] = (now[field] or before[field] or 0) + quantity
  end
  local n, res, dead, reserved = change.taken + 1, change.res, change.dead_add, change.reserved
  local seq = text(change.seq + n)
  local record = 'A ' .. customer .. ' ' .. seq .. body.tail
  change.taken = n
  if change.body ~= body then
    change.body, reserved[#reserved + 1] = body, body.event
  end
  local even, words = 2 * n, #reserved
  res[even - 1] = id
  res[even] = record
  dead[even - 1] = body.due
  dead[even] = id
  reserved[words + 1] = id
  reserved[words + 2] = customer
  return seq, record
end

--- hf_reserve: ARGV[3] limit a customer, ARGV[4] limit an address (0 = off), ARGV[5] 1 if the first attempt has passed the
--- windows in an earlier call, ARGV[6] n commands, ARGV[7] b different bodies, ARGV[8] r runs of commands with one body; then b
--- times ttl, fingerprint, lines; r times body, how many; n ids; "@", n customers; n addresses or "", if they are limited.
--- Replies {OK, now, …n words}: a number: reserved under it | "replayed record" | "key-reused" | "rate-limited
--- customer|address ms" | "cooling-down ms expirations within" | "backlogged" | "closed" | "not-open opens" | "unknown-sku sku" |
--- "limit-exceeded sku cap held" | "short sku*available*reserved,…" | "again": counted, but stock or cap is short while due reservations still wait: call
--- again | "wait": undecided and uncounted, because one before it said "again".
local function reserve(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local most, most_address, counted = tonumber(args[3]), tonumber(args[4]), args[5] == '1'
  -- Freeing many is the expiry worker's work, and a batch that can do without their units does not wait for it.
  local _, more_due = sweep(sale, counted and SWEEP_IN_RESERVE or SWEEP_FIRST)
  local n, b, r = tonumber(args[6]), tonumber(args[7]), tonumber(args[8])
  local bodies, skus = read_bodies(sale, args, b)
  local runs = FIRST_BODY + b * BODY_ARGS
  local ids = runs + 2 * r - 1 -- before the first
  local customers = ids + n + 1
  local addresses = customers + n
  local by_address = most_address > 0
  local held, at = {}, 0
  local customer_at = customers
  for run = runs, ids, 2 do
    local fields = bodies[tonumber(args[run])].fields
    for _ = 1, tonumber(args[run + 1]) do
      customer_at = customer_at + 1
      local customer = args[customer_at]
      for k = 1, #fields do
        at = at + 1
        held[at] = customer .. fields[k]
      end
    end
  end
  local w = (most > 0 or by_address) and open_windows(sale, args, customers, addresses + (by_address and n or 0)) or nil
  local seen, fresh = fetch('HMGET', keys[RES], args, ids + 1, ids + n), {}
  local change = new_change(sale)
  load(change, skus, held, args, customers + 1, customers + n)
  for _, body in ipairs(bodies) do meet_items(change, body) end
  local room = STREAM_CAP - (change.seq - change.trimmed)
  local reply, again, i = { 'OK', sale.at }, false, 0
  at = 0
  for run = runs, ids, 2 do
    local body = bodies[tonumber(args[run])]
    local refused, size = body.refused, #body.lines
    for _ = 1, tonumber(args[run + 1]) do
      i = i + 1
      local id, customer, word, record = args[ids + i], args[customers + i], again and 'wait' or nil, nil
      if change.cooldown and not word and not counted then
        word = cool(change, w, customer, most, by_address and args[addresses + i] or '', most_address)
      end
      if w and not word and not counted then
        word = pass_windows(w, customer, most, by_address and args[addresses + i] or '', most_address)
      end
      counted = false
      if not word then
        local known = fresh[id] or seen[i]
        if known then
          word = replay_of(known, customer, body)
        elseif change.taken >= room then
          word = 'backlogged'
        elseif refused then
          word = refused
        else
          word, record = take(change, id, customer, body, held, at)
          if record then
            fresh[id] = record
          elseif more_due then
            -- Due reservations that wait to be freed hold units, and count for the cap.
            word, again = 'again', true
          end
        end
      end
      reply[i + 2] = word
      at = at + size
    end
  end
  if change.taken > 0 then
    change.seq = change.seq + change.taken
    flush(change)
  end
  if w then flush_windows(w) end
  return reply
end

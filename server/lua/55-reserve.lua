-- Reserve ------------------------------------------------------------------------------------------------------------

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
    deadline = now + tonumber(command.ttl) * 1000, attempts = 0, extensions = 0, resolved = '0', print = command.print,
    lines = command.lines,
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

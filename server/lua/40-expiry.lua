-- Expiry --------------------------------------------------------------------------------------------------------------

-- An active record as a sweep takes it apart: what is before the time when it was resolved, and in it customer, number, "ttl
-- deadline" and deadline; what is after it, and in it the lines. Eleven words and a table of each would cost twice as much.
local DUE = '^A ((%S+) (%d+) %d+ (%d+ (%d+)) %d+ %d+ )%d+( %S+ (%S+))$'

--- Expires active reservations whose deadline has come, oldest first, at most `limit`. Returns how many, and whether more wait.
--- Comes to a stop before an index entry that has no active record: that is damage, for the reconciler to find.
local function sweep(sale, limit)
  local ids = redis.call('ZRANGE', sale.keys[DEAD], '-inf', sale.at, 'BYSCORE', 'LIMIT', 0, limit + 1)
  if #ids == 0 then return 0, false end
  local packed = fetch('HMGET', sale.keys[RES], ids)
  local change = new_change(sale)
  local res, dead, done, events, held = change.res, change.dead_rem, change.done_add, change.events, {}
  local customers, deadlines, words, times, skus = {}, {}, {}, {}, {}
  local n, taken, at = 0, 0, sale.at
  for i = 1, #ids do
    local head, customer, seq, due, deadline, tail, word = string.match(packed[i] or '', DUE)
    if not head then break end
    local lines = sale.lines(word)
    taken = taken + #lines
    if i > limit or (i > 1 and taken > SWEEP_LINES) then break end
    n = i
    if not times[word] then
      times[word] = 0
      for _, line in ipairs(lines) do skus[#skus + 1] = line.sku end
    end
    times[word] = times[word] + 1
    for _, line in ipairs(lines) do held[#held + 1] = customer .. ' ' .. line.sku end
    local id = ids[i]
    customers[i], deadlines[i], words[i], dead[i] = customer, deadline, word, id
    res[2 * i - 1], res[2 * i] = id, 'E ' .. head .. at .. tail
    done[2 * i - 1], done[2 * i] = at, id
    events[i] = 'expired ' .. id .. ' ' .. seq .. ' ' .. customer .. ' ' .. due .. tail
  end
  if n == 0 then return 0, false end
  load(change, skus, held, customers, 1, n)
  change.seq = change.seq + n
  for word, count in pairs(times) do
    for _, line in ipairs(sale.lines(word)) do
      local item = change.items[line.sku]
      item.reserved, item.moved = item.reserved - count * line.quantity, true
    end
  end
  local before, now, k = change.held, change.held_now, 0
  for i = 1, n do
    for _, line in ipairs(sale.lines(words[i])) do
      k = k + 1
      local field = held[k]
      now[field] = (now[field] or before[field] or 0) - line.quantity
    end
    if change.cooldown then note_expiry(change, customers[i], tonumber(deadlines[i])) end
  end
  flush(change)
  return n, #ids > n
end

--- hf_expire: ARGV[3] limit → {OK, now, expired, more (0|1)}
local function expire(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local expired, more = sweep(sale, tonumber(args[3]))
  return { 'OK', sale.at, text(expired), more and '1' or '0' }
end

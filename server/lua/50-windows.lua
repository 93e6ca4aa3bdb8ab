-- Rate windows: attempts by customer or address, this minute and the last --------------------------------------------

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

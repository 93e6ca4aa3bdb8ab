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

--- The two rate windows as one: names → attempts this minute (before this call; count: with it) and in the last one, for the
--- elements first … last of the list, the first of which is "@". Most names have none: they are left out.
local function open_windows(sale, names, first, last)
  local minute = floor(sale.now / MINUTE_MS)
  local this, past = sale.keys[WIN0 + minute % 2], sale.keys[WIN0 + (minute + 1) % 2]
  local now_counts, past_counts = fetch('HMGET', this, names, first, last), fetch('HMGET', past, names, first, last)
  local w = { key = this, minute = text(minute), into = sale.now - minute * MINUTE_MS, before = {}, previous = {}, count = {} }
  w.fresh = now_counts[1] ~= w.minute
  local stale = past_counts[1] ~= text(minute - 1)
  local before, previous = w.before, w.previous
  for i = 2, last - first + 1 do
    if now_counts[i] and not w.fresh then before[names[first + i - 1]] = tonumber(now_counts[i]) end
    if past_counts[i] and not stale then previous[names[first + i - 1]] = tonumber(past_counts[i]) end
  end
  return w
end

--- nil if one more attempt passes, else the wait in ms.
local function refused_by(w, name, limit)
  local count, previous = w.count[name] or w.before[name], w.previous[name]
  if not count and not previous then return nil end -- the first attempt: a limit is at least one
  count, previous = count or 0, previous or 0
  if count * MINUTE_MS + previous * (MINUTE_MS - w.into) + MINUTE_MS <= limit * MINUTE_MS then return nil end
  return wait_for(count, previous, limit, w.into)
end

local function count_attempt(w, name)
  w.count[name] = (w.count[name] or w.before[name] or 0) + 1
end

local function flush_windows(w)
  local list = { '@', w.minute }
  for name, count in pairs(w.count) do push(list, name, text(count)) end
  if #list == 2 then return end
  if w.fresh then redis.call('UNLINK', w.key) end
  send('HSET', w.key, list)
end

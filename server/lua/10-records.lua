-- Reads and writes in bounded pieces ----------------------------------------------------------------------------------

--- Of a list, or of its elements first … last.
local function fetch(command, key, list, first, last)
  first, last = first or 1, last or #list
  if last - first < UNPACK_MAX then return redis.call(command, key, unpack(list, first, last)) end
  local all = {}
  for from = first, last, UNPACK_MAX do
    local to = from + UNPACK_MAX - 1
    if to > last then to = last end
    for _, value in ipairs(redis.call(command, key, unpack(list, from, to))) do all[#all + 1] = value end
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

-- Records -------------------------------------------------------------------------------------------------------------
-- "state customer createdSeq createdAt ttl deadline attempts extensions resolvedAt fingerprint lines"
-- state: A active, C confirming, F confirmed, R released, E expired, L lost. Times in ms, ttl in s, resolvedAt 0 while live.

local RECORD = '^(%u) (%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%S+) (%S+)$'

local function read_record(packed)
  local state, customer, seq, at, ttl, deadline, attempts, extensions, resolved, print, lines =
    string.match(packed, RECORD)
  return {
    state = state, customer = customer, seq = seq, at = at, ttl = ttl, deadline = tonumber(deadline),
    attempts = tonumber(attempts), extensions = tonumber(extensions), resolved = resolved, print = print, lines = lines,
  }
end

--- What follows the number: the same for all that a call reserves with one body.
local function record_tail(r)
  return ' ' .. r.at .. ' ' .. r.ttl .. ' ' .. text(r.deadline) .. ' ' .. text(r.attempts) .. ' ' .. text(r.extensions) .. ' '
    .. r.resolved .. ' ' .. r.print .. ' ' .. r.lines
end

local function write_record(r) return r.state .. ' ' .. r.customer .. ' ' .. r.seq .. record_tail(r) end

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

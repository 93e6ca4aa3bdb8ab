-- General rate windows (everything but reserve): two keys, no sale, no lease; lost with the server. -------------------

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
  local w = open_windows({ now = now, keys = { [WIN0] = keys[1], [WIN0 + 1] = keys[2] } }, names, 1, #names)
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

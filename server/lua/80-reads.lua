-- Reads, trimming, purging --------------------------------------------------------------------------------------------

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

--- Forgets what the customers of these reservations let expire, if their last one is as old: no cooldown reaches back that far.
local function forget_expiries(sale, ids)
  local keys, customers, drop = sale.keys, {}, {}
  for _, packed in ipairs(fetch('HMGET', keys[RES], ids)) do
    if packed then customers[#customers + 1] = string.match(packed, '^%u (%S+)') end
  end
  if #customers == 0 then return end
  for i, deadlines in ipairs(fetch('HMGET', keys[CUST], customers)) do
    if deadlines and tonumber(string.match(deadlines, '%d+$')) <= sale.now - REPLAY_KEPT_MS then drop[#drop + 1] = customers[i] end
  end
  send('HDEL', keys[CUST], drop)
end

--- hf_purge: ARGV[3] limit: forgets reservations resolved 24 h ago, oldest first → {OK, now, purged}
local function purge(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local ids = redis.call('ZRANGE', keys[DONE], '-inf', text(sale.now - REPLAY_KEPT_MS), 'BYSCORE', 'LIMIT', 0, args[3])
  if #ids > 0 and read_cooldown(redis.call('HGET', keys[STOCK], '@cooldown')) then forget_expiries(sale, ids) end
  send('HDEL', keys[RES], ids)
  send('ZREM', keys[DONE], ids)
  return { 'OK', sale.at, text(#ids) }
end

--- hf_unload: drops a closed sale that nobody can ask for any more: nothing live, nothing pended, every transition
--- journaled, the last resolution 24 h ago. → {OK, now, "unloaded" | "busy"}. The lease ends with it.
local function unload(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local state = redis.call('HMGET', keys[STOCK], '@closed', '@pends', '@seq', '@trimmed')
  local kept = redis.call('ZCOUNT', keys[DONE], '(' .. text(sale.now - REPLAY_KEPT_MS), '(+inf')
  local live = redis.call('ZCARD', keys[DEAD]) + redis.call('ZCARD', keys[PINNED]) - 2
  if state[1] ~= '1' or state[2] ~= '0' or state[3] ~= state[4] or kept > 0 or live > 0 then
    return { 'OK', sale.at, 'busy' }
  end
  redis.call('UNLINK', unpack(keys))
  leases[keys[STOCK]] = nil
  return { 'OK', sale.at, 'unloaded' }
end

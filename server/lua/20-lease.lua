-- Entering: the lease and the keys ------------------------------------------------------------------------------------

local function clock_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + floor(t[2] / 1000)
end

local function not_ready(why) return nil, { 'NOT_READY', why } end

--- The sale as this call sees it, or nil and the NOT_READY reply.
local function enter(keys, args)
  local lease = leases[keys[STOCK]]
  if not lease then return not_ready('no lease') end
  if lease.building then return not_ready('rebuilding') end
  if lease.epoch ~= args[1] then return not_ready('another epoch') end
  local real = clock_ms()
  if real >= lease.ends then return not_ready('lease ended') end
  if redis.call('EXISTS', unpack(keys)) ~= KEY_COUNT then return not_ready('a key is missing') end
  local now = args[2] == '' and real or tonumber(args[2])
  if now < lease.now then now = lease.now end
  lease.now = now
  return { keys = keys, epoch = lease.epoch, now = now, at = text(now), lines = line_reader() }
end

--- The same for a chunk of a rebuild: both marks, and the next chunk number, or nothing is written.
local function enter_building(keys, args, chunk)
  local lease = leases[keys[STOCK]]
  if not lease or not lease.building or lease.epoch ~= args[1] then return not_ready('this rebuild is over') end
  local marks = redis.call('HMGET', keys[META], 'building', 'chunk')
  if marks[1] ~= args[1] or marks[2] ~= chunk or lease.chunk ~= chunk then return not_ready('chunk out of order') end
  if redis.call('EXISTS', unpack(keys)) ~= KEY_COUNT then return not_ready('a key is missing') end
  local now = args[2] == '' and clock_ms() or tonumber(args[2])
  if now < lease.now then now = lease.now end
  return { keys = keys, epoch = lease.epoch, now = now, at = text(now), lines = line_reader(), chunk = chunk }
end

local function next_chunk(sale)
  local lease = leases[sale.keys[STOCK]]
  lease.chunk = text(tonumber(sale.chunk) + 1)
  redis.call('HSET', sale.keys[META], 'chunk', lease.chunk)
end

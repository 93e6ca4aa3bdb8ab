-- Expiry --------------------------------------------------------------------------------------------------------------

--- Expires active reservations whose deadline has come, oldest first, at most `limit`. Returns how many, and whether more wait.
local function sweep(sale, limit)
  local ids = redis.call('ZRANGE', sale.keys[DEAD], '-inf', sale.at, 'BYSCORE', 'LIMIT', 0, limit + 1)
  if #ids == 0 then return 0, false end
  local records = records_of(sale, ids)
  local chosen, lines = {}, 0
  for i, record in ipairs(records) do
    lines = lines + #sale.lines(record.lines)
    if i > limit or (i > 1 and lines > SWEEP_LINES) then break end
    chosen[i] = record
  end
  local change = new_change(sale)
  load_for(change, chosen)
  for i, record in ipairs(chosen) do free(change, ids[i], record, 'E', 'expired') end
  flush(change)
  return #chosen, #ids > #chosen
end

--- hf_expire: ARGV[3] limit → {OK, now, expired, more (0|1)}
local function expire(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local expired, more = sweep(sale, tonumber(args[3]))
  return { 'OK', sale.at, text(expired), more and '1' or '0' }
end

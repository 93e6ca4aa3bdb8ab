-- Stock going out (protocols.md §5) -----------------------------------------------------------------------------------

local PEND_MS = 30000 -- how long an operator's process may take before the resolver ends its pend

--- hf_pend: sets units aside that an operator takes out, before the ledger decides. ARGV[3] operation, ARGV[4] sku,
--- ARGV[5] quantity → {OK, now, "pended" | "in-use available reserved" | "unknown-sku" | "again"}. Again is safe.
local function pend(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local _, more_due = sweep(sale, SWEEP_IN_RESERVE)
  local operation, sku, quantity = args[3], args[4], tonumber(args[5])
  local change = new_change(sale)
  load(change, { sku }, {})
  if pended(change, operation) then return { 'OK', sale.at, 'pended' } end
  local item = change.items[sku]
  if not item then return { 'OK', sale.at, 'unknown-sku' } end
  local available = item.total - item.reserved - item.sold
  if available < quantity then
    if more_due then return { 'OK', sale.at, 'again' } end
    return { 'OK', sale.at, 'in-use ' .. text(later(available, 0)) .. ' ' .. text(item.reserved) }
  end
  item.total, item.moved = item.total - quantity, true
  change.pends[operation] = sku .. ' ' .. text(quantity) .. ' ' .. text(sale.now + PEND_MS)
  flush(change)
  return { 'OK', sale.at, 'pended' }
end

--- hf_unpend: gives them back. Only after the ledger has refused the operation. ARGV[3] operation
--- → {OK, now, "undone" | "gone"}
local function unpend(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local packed = redis.call('HGET', keys[STOCK], '@pend ' .. args[3])
  if not packed then return { 'OK', sale.at, 'gone' } end
  local sku, quantity = string.match(packed, '^(%S+) (%d+)')
  local change = new_change(sale)
  load(change, { sku }, {})
  local item = change.items[sku]
  item.total, item.moved = item.total + tonumber(quantity), true
  drop_pend(change, args[3])
  flush(change)
  return { 'OK', sale.at, 'undone' }
end

--- hf_due_pends → {OK, now, operation, sku, quantity, …}: those whose time is over, for the resolver
local function due_pends(keys, args)
  local sale, no = enter(keys, args)
  if not sale then return no end
  local reply = { 'OK', sale.at }
  if tonumber(redis.call('HGET', keys[STOCK], '@pends')) == 0 then return reply end
  local fields = redis.call('HGETALL', keys[STOCK])
  for i = 1, #fields, 2 do
    local operation = string.match(fields[i], '^@pend (%S+)$')
    if operation then
      local sku, quantity, ends = string.match(fields[i + 1], '^(%S+) (%d+) (%d+)$')
      if tonumber(ends) <= sale.now then
        reply[#reply + 1] = operation
        push(reply, sku, quantity)
      end
    end
  end
  return reply
end

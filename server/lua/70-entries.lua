-- The ledger's entries ------------------------------------------------------------------------------------------------

local ENTRY_ARGS = 6

--- The record of a reservation that the ledger sold and this store has lost. What it was asked for with is not known any
--- more: its key can only be answered as reused, and never has a second effect.
local function sold_unseen(sale, entry)
  return {
    state = 'F', customer = entry.customer, seq = entry.created, at = sale.at, ttl = '0', deadline = sale.now, attempts = 0,
    extensions = 0, resolved = sale.at, print = '-', lines = entry.payload,
  }
end

local function apply_outcome(change, entry, by_id)
  local record = by_id[entry.id]
  -- Lost transitions may have taken their numbers with them: one that the ledger knows is never given to another life.
  change.seq = later(change.seq, tonumber(entry.created))
  local state = record and record.seq == entry.created and record.state or 'gone'
  local live = state == 'A' or state == 'C'
  if entry.kind == 'confirmed' then
    if state == 'F' then return end
    if not live then -- the store had given it back, or never heard of it: the sale stands all the same
      move(change, entry.customer, entry.payload, 0, 1, 1)
      if not record then
        record = sold_unseen(change.sale, entry)
        by_id[entry.id] = record
      end
      if record.seq == entry.created then
        record.state, record.resolved = 'F', change.sale.at
        push(change.done_add, change.sale.at, entry.id)
        put(change, entry.id, record)
      end
      return
    end
    move(change, record.customer, record.lines, -1, 1, 0)
    local from = state == 'A' and change.dead_rem or change.pin_rem
    from[#from + 1] = entry.id
    record.state, record.resolved = 'F', change.sale.at
    push(change.done_add, change.sale.at, entry.id)
    put(change, entry.id, record)
  elseif live then
    free(change, entry.id, record, entry.kind == 'expired' and 'E' or 'L', nil)
  end
end

--- "sku delta operation": units that went out were taken from the total when they were pended; one whose pend is gone
--- (a cold rebuild came between) is taken now.
local function apply_stock_change(change, payload)
  local sku, delta, operation = string.match(payload, '^(%S+) (%-?%d+) (%S+)$')
  if operation ~= '-' and pended(change, operation) then
    drop_pend(change, operation)
    return
  end
  local item = change.items[sku]
  item.total, item.moved = item.total + tonumber(delta), true
end

local function apply_settings(keys, kind, payload)
  if kind == 'closed' then
    redis.call('HSET', keys[STOCK], '@closed', '1')
  else
    local opens, closes, closed, cooldown = string.match(payload, '^(%S+) (%S+) (%d) (%S+)$')
    redis.call('HSET', keys[STOCK], '@opens', opens, '@closes', closes, '@closed', closed, '@cooldown', cooldown)
  end
end

--- A live reservation that is sold: its customer's units stay what they are, and need not be loaded. (No entry before it in the
--- same call ends it otherwise without loading them: one that frees it does, and one that sells it leaves nothing to do.)
local function keeps_its_units(entry, record)
  return entry.kind == 'confirmed' and record and record.seq == entry.created and (record.state == 'A' or record.state == 'C')
end

--- Entries of the ledger's numbering, in order; those applied before are skipped, a gap ends it. Journals nothing.
local function apply_entries(sale, args, first, n)
  local keys, change = sale.keys, new_change(sale)
  local entries, ids, skus, held, expiring = {}, {}, {}, {}, {}
  for i = 1, n do
    local p = first + (i - 1) * ENTRY_ARGS
    local e = {
      seq = tonumber(args[p]), kind = args[p + 1], id = args[p + 2], created = args[p + 3],
      customer = args[p + 4], payload = args[p + 5],
    }
    entries[i] = e
    if e.id ~= '' then ids[#ids + 1] = e.id end
    if e.kind == 'expired' then expiring[#expiring + 1] = e.customer end
  end
  local by_id, records = {}, #ids > 0 and records_of(sale, ids) or {}
  for i = 1, #ids do by_id[ids[i]] = by_id[ids[i]] or records[i] end
  for _, e in ipairs(entries) do
    if e.id ~= '' then
      local counted = keeps_its_units(e, by_id[e.id])
      for _, line in ipairs(sale.lines(e.payload)) do
        skus[#skus + 1] = line.sku
        if not counted then held[#held + 1] = e.customer .. ' ' .. line.sku end
      end
    elseif e.kind == 'item-added' or e.kind == 'stock-changed' then
      skus[#skus + 1] = string.match(e.payload, '^%S+')
    end
  end
  load(change, skus, held, expiring, 1, #expiring, #expiring > 0)
  local settings = {}
  for _, e in ipairs(entries) do
    if e.seq > change.applied + 1 then break end
    if e.seq == change.applied + 1 then
      if e.id ~= '' then
        apply_outcome(change, e, by_id)
      elseif e.kind == 'item-added' then
        local sku, total, cap = string.match(e.payload, '^(%S+) (%d+) (%S+)$')
        -- There already where a rebuild has just done its reservations again.
        local item = change.items[sku] or { total = 0, reserved = 0, sold = 0 }
        item.total, item.cap, item.moved = item.total + tonumber(total), tonumber(cap), true
        change.items[sku] = item
      elseif e.kind == 'stock-changed' then
        apply_stock_change(change, e.payload)
      elseif e.kind == 'settings-changed' or e.kind == 'closed' then -- operator-release moves nothing
        settings[#settings + 1] = e
        -- What expires after it in the same call counts by it.
        if e.kind ~= 'closed' then change.cooldown = read_cooldown(string.match(e.payload, '%S+$')) end
      end
      change.applied = e.seq
    end
  end
  flush(change)
  for _, e in ipairs(settings) do apply_settings(keys, e.kind, e.payload) end
  return text(change.applied)
end

--- hf_apply: ARGV[3] chunk number during a rebuild, else "", ARGV[4] n, then n times: seq, kind, id, createdSeq, customer,
--- payload (lines | "sku total cap" | "sku delta operation" | "opens closes closed cooldown" | ""). → {OK, now, applied}
local function apply(keys, args)
  local sale, no
  if args[3] == '' then sale, no = enter(keys, args) else sale, no = enter_building(keys, args, args[3]) end
  if not sale then return no end
  local applied = apply_entries(sale, args, 5, tonumber(args[4]))
  if sale.chunk then next_chunk(sale) end
  return { 'OK', sale.at, applied }
end

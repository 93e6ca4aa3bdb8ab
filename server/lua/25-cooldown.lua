-- Cooldown: who has let too many reservations of the sale expire lately ----------------------------------------------
--
-- A sale may say so many expiries within so long (@cooldown). Then the deadlines that a customer let pass are kept, the newest,
-- as many as it takes to be refused: under the customer's name, beside the units it holds, so that they are read and written
-- with those and cost no command of their own. They go when hf_purge forgets the reservations they tell of, or with the sale.

--- "expirations*ms" or "-"; nil in a sale made before there were cooldowns.
local function read_cooldown(packed)
  if not packed or packed == '-' then return nil end
  local most, ms = string.match(packed, '^(%d+)%*(%d+)$')
  return { most = tonumber(most), ms = tonumber(ms) }
end

local function deadlines_in(packed)
  local times = {}
  for at in string.gmatch(packed, '%d+') do times[#times + 1] = tonumber(at) end
  return times
end

--- A reservation of this customer has expired, whoever noticed and however late: at its deadline.
local function note_expiry(change, customer, deadline)
  if not change.cooldown then return end
  local times = deadlines_in(change.expiries[customer] or '')
  local at = #times
  while at > 0 and times[at] > deadline do at = at - 1 end
  table.insert(times, at + 1, deadline)
  while #times > change.cooldown.most do table.remove(times, 1) end
  for i, time in ipairs(times) do times[i] = text(time) end
  local packed = table.concat(times, ' ')
  change.expiries[customer], change.expiries_now[customer] = packed, packed
end

--- Milliseconds until few enough of its expiries are recent; nil if they are.
local function cooling_ms(change, customer)
  local packed = change.expiries[customer]
  if not packed then return nil end -- most have let none expire
  local times = deadlines_in(packed)
  local last = times[#times - change.cooldown.most + 1]
  local wait = last and last + change.cooldown.ms - change.sale.now or 0
  return wait > 0 and wait or nil
end

#!lua name=holdfast
-- The function library: the files of this folder in the order of their numbers, one after the other, as one source.
-- The only writer of stock. One sale is ten fixed keys in one hash slot; every call names all ten, in this order:
--
--   1 stock    hash    SKU → "total reserved sold cap"; @seq @applied @trimmed @now, settings @opens @closes @closed
--                      @cooldown;
--                      "@pend operation" → "sku quantity ends" of units going out, and how many there are in @pends
--   2 res      hash    reservation → record (see read_record)
--   3 dead     zset    active reservation → deadline, ms
--   4 pinned   zset    confirming reservation → end of its pin, ms
--   5 done     zset    resolved reservation → when, ms: the purge index
--   6 cust     hash    "customer sku" → units live and bought; "customer" → deadlines it let pass lately (25-cooldown.lua)
--   7 events   stream  one entry a batch: transitions on their way to the journal; id = <epoch>-<seq of the last>; at, from (seq of
--                      the first), and events (a line each) or, of what one call reserved, reserved: "= ttl deadline fingerprint
--                      lines", then "id customer" of each with that body, and the next body
--   8 meta     hash    epoch granted last, and after which number it began (start); building, chunk, mode while a rebuild runs
--   9, 10 win  hash    customer or address → attempts in the minute that field "@" names; two that rotate
--
-- Each key holds a sentinel "@" (the stream simply stays), so that a missing key always means loss, never emptiness.
--
-- Rules (protocols.md §2, §6):
--   * no call decides or writes without a live lease of the caller's epoch and all ten keys: else NOT_READY, nothing written;
--   * everything is checked, then written; what could fail among the writes (XADD) comes first;
--   * the clock is TIME, never going back; tests pass their own as ARGV[2];
--   * available is never stored: it is total − reserved − sold.
--
-- Common arguments: ARGV[1] epoch, ARGV[2] clock in ms or "". Replies: {"OK", now, …} or {"NOT_READY", why}.
-- Reservation and customer names are 22 base64url characters; SKUs hold no space, "*" or ",".

local VERSION = 6

local STOCK, RES, DEAD, PINNED, DONE, CUST, EVENTS, META, WIN0 = 1, 2, 3, 4, 5, 6, 7, 8, 9
local KEY_COUNT = 10

local MINUTE_MS = 60000
local PIN_MIN_MS = 30000 -- a confirm gets at least this long before the resolver looks at it
local REPLAY_KEPT_MS = 86400000 -- resolved reservations answer replays for 24 h
local SWEEP_FIRST = 16 -- due reservations one reserve call frees before it decides
local SWEEP_IN_RESERVE = 256 -- and one that was short without the units of others that are due
local SWEEP_LINES = 1000 -- and the lines among them: carts have up to 20
local STREAM_CAP = 200000 -- transitions waiting for the ledger writer past which reserve stops
local UNPACK_MAX = 2000 -- elements one redis.call takes; 8,000 overflow the C stack

-- Leases: stock key → {epoch, ends, now} or {epoch, building, chunk}. Survives FLUSHALL, is gone after a restart,
-- a promotion or a reload of this library, and is never replicated: that is the point (protocols.md §6).
local leases = {}

local function floor(x) return x - x % 1 end
local function later(a, b) return a > b and a or b end

-- A whole number as a word. %d is three times as fast as %.0f, and as exact where a C long has 64 bits; `..` prints 14 digits.
-- Small ones are kept: most counts are small. (string is not there while a library loads.)
local SMALL, whole = {}, nil
local function spell(n)
  whole = whole or (string.format('%d', 2 ^ 52) == '4503599627370496' and '%d' or '%.0f')
  local word = string.format(whole, n)
  if n >= 0 and n < 100 then SMALL[n] = word end
  return word
end
local function text(n) return SMALL[n] or spell(n) end

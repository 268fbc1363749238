/**
 * One entry of the ledger, applied exactly once: an offset at or before the last one of its partition does nothing.
 *
 * KEYS: 1 epoch, 2 applied, 3 hold, 4 holds, 5 seen, 6 in flight, 7 tripped, 8 velocity, 9 the global rate, 10 the name that
 * the tenant's rates begin with, then counters. What was charged for a hold stands in the hold itself.
 * ARGV: 1 the entry as JSON (`../apply-call.ts`), 2 its hold's JSON.
 * Returns a kind, the server's time in ms, whether the tenant was tripped, crossings, and, where the global limits are elsewhere, what changes
 * there: how it was charged, when, tokens.
 */
import { VELOCITY_SLOTS } from "../../../budgets/slot-window.ts";
import { RATES_LUA } from "./rates.ts";
import { SLOTS_LUA } from "./slots.ts";

export const APPLY_LUA = `${SLOTS_LUA}${RATES_LUA}
local entry = cjson.decode(ARGV[1])
if (redis.call("GET", KEYS[1]) or "") ~= entry.life then return { "epoch", now_ms } end
local applied = redis.call("HGET", KEYS[2], entry.partition)
if applied and tonumber(entry.offset) <= tonumber(applied) then return { "skipped", now_ms } end
if entry.floor and tonumber(entry.offset) <= tonumber(entry.floor) then return { "skipped", now_ms } end
redis.call("HSET", KEYS[2], entry.partition, entry.offset)

local seen = redis.call("GET", KEYS[5])
local settled_before = seen and string.sub(seen, -2) == " s"
local text = redis.call("GET", KEYS[3])
local hold = text and string.sub(text, 1, 1) ~= "!" and cjson.decode(text)
local reserved, settled, elsewhere = 0, entry.settled, nil

if entry.kind == "reserved" then
  -- Of this life: reserving did it. Of an earlier one: unless it was part of what was restored.
  if entry.is_present or hold or settled_before then return { "skipped", now_ms } end
  redis.call("SET", KEYS[3], ARGV[2])
  redis.call("ZADD", KEYS[4], whole(entry.expires_ms or now_ms), entry.member)
  redis.call("INCR", KEYS[6])
  if entry.seen and not seen then redis.call("SET", KEYS[5], entry.seen, "PX", entry.seen_ttl_ms) end
  reserved, settled = entry.reserved, 0
elseif entry.kind ~= "adjusted" then
  if entry.kind == "released" then settled = 0 end
  if seen and not settled_before then redis.call("SET", KEYS[5], seen .. " s", "KEEPTTL") end
  if hold and hold.hold_id == entry.hold_id then
    redis.call("DEL", KEYS[3])
    redis.call("ZREM", KEYS[4], entry.member)
    if redis.call("DECR", KEYS[6]) == 0 then redis.call("DEL", KEYS[6]) end
    reserved = -hold.reserved_nusd
    local used = entry.used or (entry.kind == "released" and 0 or hold.tokens)
    local delta = used - hold.tokens
    for _, charged in ipairs(hold.rates or {}) do
      local name = string.sub(charged, 2)
      local key = name == "global" and KEYS[9] or KEYS[10] .. name
      if name == "global" and entry.global_elsewhere then
        if delta ~= 0 then elsewhere = { string.sub(charged, 1, 1), whole(hold.at_ms), whole(delta) } end
      elseif delta ~= 0 then
        correct(key, string.sub(charged, 1, 1) == "b", hold.at_ms, 0, delta)
      end
    end
  end
end

local crossings = {}
for at, counter in ipairs(entry.counters) do
  local key = KEYS[10 + at]
  move(key, read_sums(key), at, reserved, settled, counter, entry.alert_at, crossings)
end

local tripped = 0
local velocity = entry.kind == "settled" and entry.velocity
if velocity then
  -- Slots of another length cannot be read.
  if redis.call("HGET", KEYS[8], "w") ~= whole(velocity.slot_ms) then redis.call("DEL", KEYS[8]) end
  redis.call("HSET", KEYS[8], "w", whole(velocity.slot_ms))
  local sum = window(KEYS[8], { "v" }, velocity.slot_ms, ${VELOCITY_SLOTS}).sums.v
  sum = sum + add(KEYS[8], "v", entry.at_ms, settled, velocity.slot_ms, ${VELOCITY_SLOTS})
  redis.call("PEXPIRE", KEYS[8], whole(velocity.slot_ms * ${VELOCITY_SLOTS} * 2))
  if sum > velocity.limit and redis.call("EXISTS", KEYS[7]) == 0 then
    redis.call("SET", KEYS[7], whole(velocity.limit) .. " " .. whole(now_ms))
    tripped = 1
  end
end
return { "applied", now_ms, tripped, crossings, elsewhere }
`;

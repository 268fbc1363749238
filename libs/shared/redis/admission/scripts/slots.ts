/**
 * Lua that both scripts begin with: the server's time, the check of the epoch, slots of a sliding window, sums of counters.
 *
 * A window is a hash: `<name><slot>` amounts, `<NAME>` their running sum, `o` the oldest slot that is still in it. Slots are
 * taken out when somebody looks. A slot counts until its last moment is a whole window old (`../../../budgets/slot-window.ts`).
 * Numbers are whole and below 2^53, so doubles hold them; they are printed with %.0f, since Lua's own print has 14 digits.
 */
import { RATE_SLOT_MS, RATE_SLOTS } from "../../../budgets/slot-window.ts";

export const SLOTS_LUA = `
local RATE_SLOT_MS, RATE_SLOTS = ${RATE_SLOT_MS}, ${RATE_SLOTS}
local time = redis.call("TIME")
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

-- Plus nought, since "-0" is no number to Redis.
local function whole(number) return string.format("%.0f", number + 0) end

-- Takes what has left out of the window; returns the sums by name.
local function evict(key, names, slot_ms, slots)
  local first = math.floor(now_ms / slot_ms) - slots
  local sums = {}
  for at, name in ipairs(names) do sums[name] = tonumber(redis.call("HGET", key, string.upper(name)) or 0) end
  local oldest = tonumber(redis.call("HGET", key, "o"))
  if not oldest or oldest >= first then return sums end
  for at, name in ipairs(names) do
    local fields = {}
    for slot = oldest, math.min(first - 1, oldest + slots) do fields[#fields + 1] = name .. whole(slot) end
    for _, amount in ipairs(redis.call("HMGET", key, unpack(fields))) do
      sums[name] = sums[name] - tonumber(amount or 0)
    end
    redis.call("HDEL", key, unpack(fields))
    redis.call("HSET", key, string.upper(name), whole(sums[name]))
  end
  redis.call("HSET", key, "o", whole(first))
  return sums
end

-- Adds to the slot that at_ms belongs to, after an eviction; what has left already does nothing.
local function add(key, name, at_ms, amount, slot_ms, slots)
  local slot = math.floor(math.min(at_ms, now_ms) / slot_ms)
  if slot < math.floor(now_ms / slot_ms) - slots then return 0 end
  redis.call("HINCRBY", key, name .. whole(slot), whole(amount))
  redis.call("HINCRBY", key, string.upper(name), whole(amount))
  local oldest = tonumber(redis.call("HGET", key, "o"))
  if not oldest or slot < oldest then redis.call("HSET", key, "o", whole(slot)) end
  return amount
end

-- Until the sum has fallen to the target, ms.
local function falls_to(key, name, sum, target, slot_ms, slots)
  if sum <= target then return 0 end
  local newest = math.floor(now_ms / slot_ms)
  local fields = {}
  for slot = newest - slots, newest do fields[#fields + 1] = name .. whole(slot) end
  local ends_ms = now_ms
  for at, amount in ipairs(redis.call("HMGET", key, unpack(fields))) do
    if sum <= target then break end
    if amount then
      sum = sum - tonumber(amount)
      ends_ms = (newest + at) * slot_ms
    end
  end
  return ends_ms - now_ms
end

-- A counter and its cap: moves the sums, returns thresholds crossed for the first time as (index, threshold, used) in a row.
local function move(key, index, reserved, settled, expires_ms, cap, alert_at, crossings)
  local r = redis.call("HINCRBY", key, "r", whole(reserved))
  local s = redis.call("HINCRBY", key, "s", whole(settled))
  redis.call("PEXPIREAT", key, whole(expires_ms))
  if not cap or #alert_at == 0 then return end
  local used, told, before = r + s, redis.call("HGET", key, "a"), 0
  if told then
    local threshold, told_cap = string.match(told, "^(%S+) (%S+)$")
    if tonumber(told_cap) == cap then before = tonumber(threshold) end
  end
  local highest
  for _, text in ipairs(alert_at) do
    local threshold = tonumber(text)
    if threshold > before and used > 0 and used >= threshold * cap then
      highest = text
      local at = #crossings
      crossings[at + 1], crossings[at + 2], crossings[at + 3] = index, text, used
    end
  end
  if highest then redis.call("HSET", key, "a", highest .. " " .. whole(cap)) end
end
`;

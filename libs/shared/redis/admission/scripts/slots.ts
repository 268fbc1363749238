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

-- Reads a window, after taking out what has left: its sums, and what its present slot holds, by name.
local function window(key, names, slot_ms, slots)
  local newest = math.floor(now_ms / slot_ms)
  local first = newest - slots
  local fields = { "o" }
  for _, name in ipairs(names) do
    fields[#fields + 1] = string.upper(name)
    fields[#fields + 1] = name .. whole(newest)
  end
  local there = redis.call("HMGET", key, unpack(fields))
  local oldest = tonumber(there[1])
  local read = { key = key, newest = newest, oldest = oldest, sums = {}, present = {} }
  for at, name in ipairs(names) do
    read.sums[name] = tonumber(there[2 * at] or 0)
    read.present[name] = tonumber(there[2 * at + 1] or 0)
  end
  if not oldest or oldest >= first then return read end
  for _, name in ipairs(names) do
    local gone = {}
    for slot = oldest, math.min(first - 1, oldest + slots) do gone[#gone + 1] = name .. whole(slot) end
    for _, amount in ipairs(redis.call("HMGET", key, unpack(gone))) do
      read.sums[name] = read.sums[name] - tonumber(amount or 0)
    end
    redis.call("HDEL", key, unpack(gone))
    redis.call("HSET", key, string.upper(name), whole(read.sums[name]))
  end
  read.oldest = first
  redis.call("HSET", key, "o", whole(first))
  return read
end

-- Adds amounts by name to the present slot of a window that was just read.
local function charge(read, amounts)
  local fields = {}
  for name, amount in pairs(amounts) do
    local at = #fields
    fields[at + 1], fields[at + 2] = string.upper(name), whole(read.sums[name] + amount)
    fields[at + 3], fields[at + 4] = name .. whole(read.newest), whole(read.present[name] + amount)
  end
  if not read.oldest or read.newest < read.oldest then
    fields[#fields + 1] = "o"
    fields[#fields + 1] = whole(read.newest)
  end
  redis.call("HSET", read.key, unpack(fields))
end

-- Adds to the slot that at_ms belongs to, after the window was read; what has left already does nothing.
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

local function read_sums(key)
  local there = redis.call("HMGET", key, "r", "s", "a")
  return { r = tonumber(there[1] or 0), s = tonumber(there[2] or 0), told = there[3], is_new = not there[1] }
end

-- Moves a counter's sums as they were read. Thresholds of its cap that are crossed for the first time are put into
-- crossings as (index, threshold, used) in a row.
local function move(key, sums, index, reserved, settled, counter, alert_at, crossings)
  if reserved ~= 0 or sums.is_new then redis.call("HINCRBY", key, "r", whole(reserved)) end
  if settled ~= 0 then redis.call("HINCRBY", key, "s", whole(settled)) end
  if counter.lasts_ms then
    redis.call("PEXPIRE", key, whole(counter.lasts_ms))
  elseif sums.is_new then
    redis.call("PEXPIREAT", key, whole(counter.expires_ms))
  end
  local cap, used, before = counter.cap, sums.r + sums.s + reserved + settled, 0
  if not cap then return end
  if sums.told then
    local threshold, told_cap = string.match(sums.told, "^(%S+) (%S+)$")
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

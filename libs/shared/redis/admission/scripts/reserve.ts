/**
 * One ask, decided and charged in one step: who it is, then velocity, requests in flight, quotas, rates and budgets; all are
 * checked before the first is charged. The model is `../../../budgets/memory-store.ts`.
 *
 * KEYS: 1 epoch, 2 hold, 3 holds, 4 seen, 5 in flight, 6 tripped, 7 idempotency (or seen again), then counters, rates, quotas.
 * ARGV: 1 the ask as JSON (`../reserve-call.ts`), 2 and 3 the hold's JSON up to and after its `at_ms`, 4 what stands in 2's place where
 * the lower price is reserved.
 * Returns a kind, the server's time in ms, and what the kind brings.
 */
import { SLOTS_LUA } from "./slots.ts";

const IDENTITY_LUA = `
local ask = cjson.decode(ARGV[1])
if (redis.call("GET", KEYS[1]) or "") ~= ask.life then return { "epoch", now_ms } end
-- The caller named keys by the day it thinks it is.
if math.floor(now_ms / 86400000) ~= ask.day then return { "day", now_ms } end

local seen = redis.call("GET", KEYS[4])
if seen then
  local hash, place, settled = string.match(seen, "^(%S+) (%S+ %S+ %S+)( ?s?)$")
  if hash ~= ask.content_hash then return { "conflict", now_ms } end
  if settled == " s" or (place ~= ask.place and not ask.reentry) then return { "repeated", now_ms, ask.id } end
  local hold = redis.call("GET", KEYS[2])
  if hold and string.sub(hold, 1, 1) ~= "!" then return { "redelivered", now_ms, hold } end
  local binds = not ask.reentry or (ask.turn and hold and string.match(hold, "%S+$") == ask.turn)
  if hold and binds then return { "refused", now_ms, hold } end
end

local entry = ask.content_hash .. " " .. ask.place
local function remember() redis.call("SET", KEYS[4], entry, "PX", ask.seen_ttl_ms) end
local function take_key()
  if ask.idempotent then
    redis.call("SET", KEYS[7], ask.id .. " " .. ask.content_hash, "PX", ask.idempotency_ttl_ms)
  end
end

local first = ask.idempotent and redis.call("GET", KEYS[7])
if first then
  local first_id, first_hash = string.match(first, "^(%S+) (%S+)$")
  local same = first_hash == ask.content_hash
  if not (same and first_id == ask.id) then
    if same and not ask.has_own_id then return { "repeated", now_ms, first_id } end
    if not seen then remember() end
    return { "key_taken", now_ms, first_id, same and 1 or 0 }
  end
end
local needs = ask.needs
if not needs then
  if not seen then remember() end
  return { "known", now_ms }
end
`;

const CHECKS_LUA = `
local function refuse(reason, scope, limit, left, needed, retry_after_ms)
  local text = table.concat({ "!", reason, scope, whole(limit), whole(math.max(0, left)), whole(needed),
    retry_after_ms and whole(retry_after_ms) or "-", ask.turn or "-" }, " ")
  if not seen then remember() end
  redis.call("SET", KEYS[2], text, "PX", ask.refusal_ttl_ms)
  if ask.defers then take_key() end
  return { "refused", now_ms, text }
end

local tripped = redis.call("GET", KEYS[6])
if tripped then return refuse("velocity", "tenant", tonumber(string.match(tripped, "^%S+")), 0, needs.reserved) end

if needs.in_flight_max then
  local open = tonumber(redis.call("GET", KEYS[5]) or 0)
  if open + 1 > needs.in_flight_max then
    return refuse("in_flight", "tenant", needs.in_flight_max, needs.in_flight_max - open, 1, ask.in_flight_retry_ms)
  end
end

local counters, rates = needs.counters, needs.rates
local rates_from, quotas_from = 7 + #counters, 7 + #counters + #rates

for at, rate in ipairs(rates) do
  if rate.requests_per_day then
    local left = rate.requests_per_day - tonumber(redis.call("GET", KEYS[quotas_from + at]) or 0)
    if left < 1 then
      return refuse("quota", rate.scope, rate.requests_per_day, left, 1, (ask.day + 1) * 86400000 - now_ms)
    end
  end
end

-- The generic cell rate algorithm: a bucket is the time at which it would be full, in microseconds.
local function refill_us(amount, limit) return math.ceil(amount * 60000000 / limit) end
local function bucket_left(full_us, rate, limit)
  return math.floor(math.max(0, rate.burst_us - math.max(0, full_us - now_us)) * limit / 60000000)
end

local charges, windows = {}, {}
for at, rate in ipairs(rates) do
  local key = KEYS[rates_from + at]
  if rate.q or rate.t then
    windows[at] = window(key, { "q", "t" }, RATE_SLOT_MS, RATE_SLOTS)
    local sums = windows[at].sums
    for _, name in ipairs({ "q", "t" }) do
      local limit = rate[name]
      if limit then
        local needed = name == "q" and 1 or needs.tokens
        local left, wait_ms, full_us
        if rate.bucket then
          -- Of a bucket that nobody knows, what the last minute used is missing.
          full_us = tonumber(redis.call("HGET", key, "b" .. name))
            or now_us + math.min(rate.burst_us, refill_us(sums[name], limit))
          local cost_us = refill_us(needed, limit)
          left = bucket_left(full_us, rate, limit)
          local over_us = math.max(full_us, now_us) + cost_us - math.max(rate.burst_us, cost_us) - now_us
          wait_ms = math.max(0, math.ceil(over_us / 1000))
          full_us = math.max(full_us, now_us) + cost_us
        else
          left = limit - sums[name]
          wait_ms = needed <= limit and falls_to(key, name, sums[name], limit - needed, RATE_SLOT_MS, RATE_SLOTS)
        end
        if needed > limit then wait_ms = nil end
        if wait_ms ~= 0 then
          return refuse(name == "q" and "rate_requests" or "rate_tokens", rate.scope, limit, left, needed, wait_ms)
        end
        charges[#charges + 1] =
          { key = key, name = name, limit = limit, needed = needed, left = left, full_us = full_us, rate = rate }
      end
    end
  end
end

local sums = {}
local function lacking()
  for at, counter in ipairs(counters) do
    sums[at] = sums[at] or read_sums(KEYS[7 + at])
    if counter.cap then
      local left = counter.cap - sums[at].r - sums[at].s
      if needs.reserved > left then return counter, left end
    end
  end
end
local hold_text = ARGV[2]
local counter, left = lacking()
if counter and needs.lower then
  needs.reserved = needs.lower
  hold_text = ARGV[4]
  counter, left = lacking()
end
if counter then
  local wait_ms = counter.resets_ms and needs.reserved <= counter.cap and counter.resets_ms - now_ms
  return refuse("budget", counter.scope, counter.cap, left, needs.reserved, wait_ms or nil)
end
`;

const CHARGES_LUA = `
remember()
take_key()
redis.call("SET", KEYS[2], hold_text .. whole(now_ms) .. ARGV[3])
redis.call("ZADD", KEYS[3], whole(needs.expires_ms), ask.member)
redis.call("INCR", KEYS[5])

for at, rate in ipairs(rates) do
  if rate.requests_per_day and redis.call("INCR", KEYS[quotas_from + at]) == 1 then
    redis.call("PEXPIREAT", KEYS[quotas_from + at], whole((ask.day + 1) * 86400000 + 3600000))
  end
  if windows[at] and not rate.bucket then
    charge(windows[at], { q = 1, t = needs.tokens })
    -- Once in a slot is enough.
    if windows[at].present.q == 0 then redis.call("PEXPIRE", KEYS[rates_from + at], 120000) end
  end
end

local room = {}
for _, charge in ipairs(charges) do
  local left, reset_ms
  if charge.rate.bucket then
    redis.call("HSET", charge.key, "b" .. charge.name, whole(charge.full_us))
    if charge.name == "t" then redis.call("HSET", charge.key, "bl", whole(charge.limit)) end
    left = bucket_left(charge.full_us, charge.rate, charge.limit)
    reset_ms = math.max(0, math.ceil((charge.full_us - now_us) / 1000))
    if redis.call("PTTL", charge.key) < reset_ms + 120000 then
      redis.call("PEXPIRE", charge.key, whole(reset_ms + 120000))
    end
  else
    left = math.max(0, charge.left - charge.needed)
    reset_ms = (math.floor(now_ms / RATE_SLOT_MS) + RATE_SLOTS + 1) * RATE_SLOT_MS - now_ms
  end
  if not room[charge.name] or left < room[charge.name][2] then room[charge.name] = { charge.limit, left, reset_ms } end
end

local crossings = {}
for at, counter in ipairs(counters) do
  move(KEYS[7 + at], sums[at], at, needs.reserved, 0, counter, ask.alert_at, crossings)
end
return { "admitted", now_ms, room.q or {}, room.t or {}, crossings, whole(needs.reserved) }
`;

export const RESERVE_LUA = SLOTS_LUA + IDENTITY_LUA + CHECKS_LUA + CHARGES_LUA;

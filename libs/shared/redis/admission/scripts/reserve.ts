/**
 * One ask, decided and charged in one step: who it is, then velocity, requests in flight, quotas, rates and budgets; all are
 * checked before the first is charged. The model is `../../../budgets/memory-store.ts`.
 *
 * KEYS: 1 epoch, 2 hold, 3 holds, 4 seen, 5 in flight, 6 tripped, 7 idempotency (or seen again), then counters, rates, quotas.
 * ARGV: 1 the ask as JSON (`../reserve-call.ts`), 2 and 3 the hold's JSON up to and after its `at_ms`, 4 what stands in 2's place where
 * the lower price is reserved.
 * Returns a kind, the server's time in ms, and what the kind brings.
 */
import { RATES_LUA } from "./rates.ts";
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

local function refuse_lack(lack, scope) return refuse(lack[1], scope, lack[2], lack[3], lack[4], lack[5]) end

-- The global limits of a cluster were asked before: what they said comes in their place.
for at, rate in ipairs(rates) do
  local lack
  if rate.asked then lack = rate.refused and rate.refused[1] == "quota" and rate.refused
  else lack = quota_lack(rate, KEYS[quotas_from + at], ask.day) end
  if lack then return refuse_lack(lack, rate.scope) end
end

local charges, windows = {}, {}
for at, rate in ipairs(rates) do
  local lack
  if rate.asked then
    lack = rate.refused
    for _, name in ipairs({ "q", "t" }) do
      if rate.room and rate.room[name] then charges[#charges + 1] = { given = rate.room[name], name = name } end
    end
  else
    lack, windows[at] = rate_lack(rate, KEYS[rates_from + at], needs.tokens, charges)
  end
  if lack then return refuse_lack(lack, rate.scope) end
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
  if not rate.asked then charge_rate(rate, KEYS[quotas_from + at], ask.day, windows[at], needs.tokens) end
end
local room = charge_rest(charges)

local crossings = {}
for at, counter in ipairs(counters) do
  move(KEYS[7 + at], sums[at], at, needs.reserved, 0, counter, ask.alert_at, crossings)
end
return { "admitted", now_ms, room.q or {}, room.t or {}, crossings, whole(needs.reserved) }
`;

export const RESERVE_LUA = SLOTS_LUA + RATES_LUA + IDENTITY_LUA + CHECKS_LUA + CHARGES_LUA;

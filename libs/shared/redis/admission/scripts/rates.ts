/** Lua of limits per minute and per day, for the scripts that check, charge and correct them. Behind `SLOTS_LUA`. */
export const RATES_LUA = `
-- The generic cell rate algorithm: a bucket is the time at which it would be full, in microseconds.
local function refill_us(amount, limit) return math.ceil(amount * 60000000 / limit) end
local function bucket_left(full_us, rate, limit)
  return math.floor(math.max(0, rate.burst_us - math.max(0, full_us - now_us)) * limit / 60000000)
end

-- What a daily quota lacks: reason, limit, left, needed, wait in ms. Nothing where there is room.
local function quota_lack(rate, key, day)
  if not rate.requests_per_day then return end
  local left = rate.requests_per_day - tonumber(redis.call("GET", key) or 0)
  if left < 1 then return { "quota", rate.requests_per_day, left, 1, (day + 1) * 86400000 - now_ms } end
end

-- What a limit per minute lacks, likewise; its charges to come are added where there is room. Then its window.
local function rate_lack(rate, key, tokens, charges)
  if not (rate.q or rate.t) then return end
  local read = window(key, { "q", "t" }, RATE_SLOT_MS, RATE_SLOTS)
  local sums = read.sums
  for _, name in ipairs({ "q", "t" }) do
    local limit = rate[name]
    if limit then
      local needed = name == "q" and 1 or tokens
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
        return { name == "q" and "rate_requests" or "rate_tokens", limit, left, needed, wait_ms }, read
      end
      charges[#charges + 1] =
        { key = key, name = name, limit = limit, needed = needed, left = left, full_us = full_us, rate = rate }
    end
  end
  return nil, read
end

local function charge_rate(rate, quota_key, day, read, tokens)
  if rate.requests_per_day and redis.call("INCR", quota_key) == 1 then
    redis.call("PEXPIREAT", quota_key, whole((day + 1) * 86400000 + 3600000))
  end
  if read and not rate.bucket then
    charge(read, { q = 1, t = tokens })
    -- Once in a slot is enough.
    if read.present.q == 0 then redis.call("PEXPIRE", read.key, 120000) end
  end
end

-- Charges the buckets; what is left of the tightest limit of requests (q) and of tokens (t): limit, left, ms until it is whole.
local function charge_rest(charges)
  local room = {}
  for _, charge in ipairs(charges) do
    local limit, left, reset_ms = charge.limit, nil, nil
    if charge.given then
      limit, left, reset_ms = charge.given[1], charge.given[2], charge.given[3]
    elseif charge.rate.bucket then
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
    if not room[charge.name] or left < room[charge.name][2] then room[charge.name] = { limit, left, reset_ms } end
  end
  return room
end

-- Corrects what was charged at at_ms: other tokens were used, or nothing at all. A limit that nobody knows any more stays so.
local function correct(key, is_bucket, at_ms, requests, tokens, requests_limit)
  if redis.call("EXISTS", key) == 0 then return end
  if not is_bucket then
    window(key, { "q", "t" }, RATE_SLOT_MS, RATE_SLOTS)
    if requests ~= 0 then add(key, "q", at_ms, requests, RATE_SLOT_MS, RATE_SLOTS) end
    if tokens ~= 0 then add(key, "t", at_ms, tokens, RATE_SLOT_MS, RATE_SLOTS) end
    return
  end
  local there = redis.call("HMGET", key, "bq", "bt", "bl")
  local function move_bucket(field, full_us, amount, limit)
    if amount == 0 or not full_us or not limit then return end
    local cost_us = refill_us(math.abs(amount), tonumber(limit))
    redis.call("HSET", key, field, whole(tonumber(full_us) + (amount < 0 and -cost_us or cost_us)))
  end
  move_bucket("bq", there[1], requests, requests_limit)
  move_bucket("bt", there[2], tokens, there[3])
end
`;

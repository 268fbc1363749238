/**
 * The global limits of a cluster, which are not where a tenant's counters are: taken by a step of their own before the tenant's, given
 * back where the tenant's step does not admit.
 */
import { RATES_LUA } from "./rates.ts";
import { SLOTS_LUA } from "./slots.ts";

/**
 * KEYS: 1 epoch, 2 rate, 3 quota. ARGV: 1 life, day, tokens and the limits as JSON (`../global-call.ts`).
 * Returns a kind, the server's time in ms, and what the kind brings.
 */
export const TAKE_LUA = `${SLOTS_LUA}${RATES_LUA}
local ask = cjson.decode(ARGV[1])
if (redis.call("GET", KEYS[1]) or "") ~= ask.life then return { "epoch", now_ms } end
if math.floor(now_ms / 86400000) ~= ask.day then return { "day", now_ms } end
local charges = {}
local lack = quota_lack(ask.rate, KEYS[3], ask.day)
local read
if not lack then lack, read = rate_lack(ask.rate, KEYS[2], ask.tokens, charges) end
if lack then
  return { "refused", now_ms, lack[1], whole(lack[2]), whole(lack[3]), whole(lack[4]), lack[5] and whole(lack[5]) or "-" }
end
charge_rate(ask.rate, KEYS[3], ask.day, read, ask.tokens)
local room = charge_rest(charges)
return { "taken", now_ms, room.q or {}, room.t or {} }
`;

/**
 * KEYS: 1 rate, 2 quota. ARGV: 1 whether it is a bucket (1 or 0), 2 when it was charged (epoch ms), 3 and 4 requests and tokens to add
 * (below nought: given back), 5 the limit of requests per minute, empty for none, 6 whether the quota was charged (1 or 0).
 */
export const CORRECT_LUA = `${SLOTS_LUA}${RATES_LUA}
local requests, tokens = tonumber(ARGV[3]), tonumber(ARGV[4])
if ARGV[6] == "1" and requests ~= 0 and redis.call("EXISTS", KEYS[2]) == 1 then
  redis.call("INCRBY", KEYS[2], whole(requests))
end
correct(KEYS[1], ARGV[1] == "1", tonumber(ARGV[2]), requests, tokens, tonumber(ARGV[5]))
return 1
`;

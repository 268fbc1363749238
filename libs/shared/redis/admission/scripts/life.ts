/** The lock of the one that restores, and the change of the counters' life under it. */

/**
 * KEYS: 1 lock, 2 epoch, 3 ended epochs. ARGV: 1 token, 2 ms, 3 a server process whose life is left alone, empty for none. Takes the lock
 * and ends the present life: gives its text, empty for none; 0 where the lock is taken or the life left alone.
 */
export const BEGIN_LUA = `
local life = redis.call("GET", KEYS[2])
if life and ARGV[3] ~= "" and string.match(life, "%S+$") == ARGV[3] then return 0 end
if not redis.call("SET", KEYS[1], ARGV[1], "NX", "PX", ARGV[2]) then return 0 end
if life then
  redis.call("SADD", KEYS[3], string.match(life, "^%S+"))
  redis.call("DEL", KEYS[2])
end
return life or ""`;

/** KEYS: 1 lock. ARGV: 1 token, 2 ms. Holds the lock for longer; 0 where it is lost. */
export const RENEW_LUA = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call("PEXPIRE", KEYS[1], ARGV[2])`;

/** KEYS: 1 lock, 2 epoch. ARGV: 1 token, 2 the new life, empty for none. Gives the lock back; 0 where it is lost. */
export const END_LUA = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] ~= "" then redis.call("SET", KEYS[2], ARGV[2]) end
redis.call("DEL", KEYS[1])
return 1`;

/** KEYS: 1 epoch. ARGV: 1 a life that some slot does not have. Ends it, unless another has begun. */
export const DISPROVE_LUA = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call("DEL", KEYS[1])`;

/** KEYS: 1 holds, 2 applied, of an ended life. ARGV: 1 how many. Some of the holds, whose own keys are to go before they do. */
export const CLEAR_LUA = `
redis.call("DEL", KEYS[2])
return redis.call("ZRANGE", KEYS[1], 0, tonumber(ARGV[1]) - 1)`;

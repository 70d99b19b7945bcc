-- One attempt, decided atomically: refused by a bucket, or counted as failed in all of them.
-- KEYS one for each bucket
-- ARGV now (ms), memory of a delay (ms), id of the attempt or '' to ask only,
--      then for each bucket: kind, most, time (ms)
-- Returns {0, 0}, or {number of the bucket that refuses longest, milliseconds to wait}.
local now, memory, id = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local function wait_of_window(key, most, span)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - span)
  if redis.call('ZCARD', key) < most then return 0 end
  local last = redis.call('ZRANGE', key, -most, -most, 'WITHSCORES') -- when this one leaves, there is room
  return tonumber(last[2]) + span - now
end

local function wait_of_delay(key, most, longest)
  local fields = redis.call('HMGET', key, 'failures', 'last_ms')
  local failures = tonumber(fields[1] or '0')
  if failures < most then return 0 end
  local delay = math.min(longest, 1000 * 2 ^ math.min(failures - most, 30))
  return tonumber(fields[2]) + delay - now
end

local refusing, longest_wait = 0, 0
for number, key in ipairs(KEYS) do
  local kind, most, span = ARGV[1 + 3 * number], tonumber(ARGV[2 + 3 * number]), tonumber(ARGV[3 + 3 * number])
  local wait = kind == 'window' and wait_of_window(key, most, span) or kind == 'delay' and wait_of_delay(key, most, span)
  if wait > longest_wait then refusing, longest_wait = number, wait end
end
if refusing > 0 or id == '' then return {refusing, math.ceil(longest_wait)} end

for number, key in ipairs(KEYS) do
  if ARGV[1 + 3 * number] == 'window' then
    redis.call('ZADD', key, now, id)
    redis.call('PEXPIRE', key, ARGV[3 + 3 * number])
  else
    redis.call('HINCRBY', key, 'failures', 1)
    redis.call('HSET', key, 'last_ms', now)
    redis.call('PEXPIRE', key, memory)
  end
end
return {0, 0}

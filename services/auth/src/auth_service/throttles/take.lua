-- One attempt, decided atomically: refused by a bucket, or counted as failed in all of them.
-- KEYS one for each bucket
-- ARGV now (ms), memory of a delay (ms), id of the attempt or '' to ask only,
--      then for each bucket: kind, most, time (ms)
-- Returns {0, 0}, or {number of the bucket that refuses longest, milliseconds to wait}.
-- Deciding only reads, and the first write takes memory: a full Redis refuses that one alone, and would let all
-- writes after a first one that takes none pass.
local now, memory, id = ARGV[1], ARGV[2], ARGV[3]

local function limits(number)
  return ARGV[1 + 3 * number], ARGV[2 + 3 * number], ARGV[3 + 3 * number]
end

local function wait_of_window(key, most, span)
  local last = redis.call('ZRANGE', key, -most, -most, 'WITHSCORES') -- when this one leaves, there is room
  return last[2] and tonumber(last[2]) + span - now or 0
end

local function wait_of_delay(key, most, longest)
  local fields = redis.call('HMGET', key, 'failures', 'last_ms')
  local failures = tonumber(fields[1] or '0')
  if failures < most then return 0 end
  return tonumber(fields[2]) + math.min(longest, 1000 * 2 ^ math.min(failures - most, 30)) - now
end

local refusing, longest_wait = 0, 0
for number, key in ipairs(KEYS) do
  local kind, most, time = limits(number)
  local wait_of = kind == 'window' and wait_of_window or wait_of_delay
  local wait = wait_of(key, tonumber(most), tonumber(time))
  if wait > longest_wait then refusing, longest_wait = number, wait end
end
if refusing > 0 or id == '' then return {refusing, longest_wait} end

for number, key in ipairs(KEYS) do
  local kind, _, time = limits(number)
  if kind == 'window' then
    redis.call('ZADD', key, now, id)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%d', now - time))
    redis.call('PEXPIRE', key, time)
  else
    redis.call('HINCRBY', key, 'failures', 1)
    redis.call('HSET', key, 'last_ms', now)
    redis.call('PEXPIRE', key, memory)
  end
end
return {0, 0}

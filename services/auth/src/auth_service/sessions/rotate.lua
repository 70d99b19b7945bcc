-- One refresh, decided atomically (SECURITY.md, refresh rotation).
-- KEYS[1] session:{sid}
-- ARGV: generation of the token, now (ms; '' is by the clock of Redis), rotation interval (ms), idle life (ms)
-- Returns {outcome, generation, rotated_ms}.
local key = KEYS[1]
local given, now, interval, idle = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local fields = redis.call('HMGET', key, 'state', 'generation', 'rotated_ms', 'expires_ms')
if not fields[1] then return {'ABSENT', 0, 0} end
if not now then now = redis.call('PEXPIRETIME', key) - redis.call('PTTL', key) end -- TIME is not ours to call
local generation, rotated, expires = tonumber(fields[2]), tonumber(fields[3]), tonumber(fields[4])
if fields[1] ~= 'active' then return {'REVOKED', generation, rotated} end

local function keep(outcome, new_generation, new_rotated)
  redis.call('HSET', key, 'generation', string.format('%d', new_generation), 'rotated_ms', string.format('%d', new_rotated), 'seen_ms', string.format('%d', now))
  redis.call('PEXPIREAT', key, string.format('%d', math.min(expires, now + idle)))
  return {outcome, new_generation, new_rotated}
end

local recent = now - rotated < interval
if given == generation then
  if recent then return keep('SAME', generation, rotated) end
  return keep('ROTATED', generation + 1, now)
end
if given == generation - 1 and recent then return keep('GRACE', generation, rotated) end
if given == generation + 1 then return keep('FAST-FORWARD', given, now) end

redis.call('HSET', key, 'state', 'revoked')
return {'REUSE', generation, rotated}

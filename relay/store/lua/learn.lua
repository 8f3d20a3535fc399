--!allow-oom
-- learn: an API has said how often it may be called, or that nobody may for a while.
-- arguments: tag, epoch, calls, window (ms; 0: no rate was told), pause (ms), then scopes
-- answer:    {'OK', now, seq}
-- No window and no pause is longer than a day: what somebody else's server says is not to stop a host for good.
-- What was learned is forgotten an hour after it was last heard of. Lanes are scopes too: they are looked at again when
-- next they are due. `learned` has every scope, by when it is forgotten.
-- needs: prelude, writes
local LONGEST = 86400000
local calls = ARG.calls
local window, pause = math.min(LONGEST, tonumber(ARG.window)), math.min(LONGEST, tonumber(ARG.pause))
for i = ARG.REST, #ARGV do
  local key = named('allow', ARGV[i])
  if window > 0 then redis.call('HSET', key, 'calls', calls, 'window', digits(window)) end
  local closed = tonumber(redis.call('HGET', key, 'until') or 0)
  if now + pause > closed then redis.call('HSET', key, 'until', digits(now + pause)) end
  local lives = math.max(3600000, window, pause)
  redis.call('PEXPIRE', key, digits(lives))
  redis.call('ZADD', K.learned, digits(now + lives), ARGV[i])
end
redis.call('ZREMRANGEBYSCORE', K.learned, '-inf', digits(now))
redis.call('PEXPIRE', K.learned, digits(LONGEST))
return {'OK', now, seq}

--!allow-oom
-- learn: an API has said how often it may be called, or that nobody may for a while.
-- arguments: tag, epoch, calls, window (ms; 0: no rate was told), pause (ms), scopes
-- answer:    {'OK', now, seq}
-- What was learned is forgotten an hour after it was last heard of. Lanes are scopes too: they are looked at again when
-- next they are due.
--@include prelude
--@include writes
local calls, window, pause = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
for i = 6, #ARGV do
  local key = named('allow', ARGV[i])
  if window > 0 then redis.call('HSET', key, 'calls', calls, 'window', window) end
  local closed = tonumber(redis.call('HGET', key, 'until') or 0)
  if now + pause > closed then redis.call('HSET', key, 'until', digits(now + pause)) end
  redis.call('PEXPIRE', key, math.max(3600000, math.ceil(window), pause))
end
return {'OK', now, seq}

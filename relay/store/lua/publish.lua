--!allow-oom
-- publish: a worker says which jobs it serves, and promises to say so again. Of two declarations of a name the newest
-- counts: that of the worker that published first later.
-- arguments: tag, epoch, time to live (ms), since when this worker publishes (ms, 0: this is the first time), its roster,
--            then for each job: name, JSON
-- answer:    {'OK', now, seq, since when it publishes}
--@include prelude
--@include writes
local until_then, since, roster = digits(now + tonumber(ARGV[3])), tonumber(ARGV[4]), ARGV[5]
if since == 0 then since = now end
local changed = false

local function declare(name, declaration)
  local newest = tonumber(redis.call('HGET', K.declared, name) or 0)
  if newest > since then return end
  if newest < since then redis.call('HSET', K.declared, name, digits(since)) end
  if redis.call('HGET', K.serve, name) == declaration then return end
  local limit = cjson.decode(declaration).limit
  redis.call('HSET', K.serve, name, declaration)
  if limit and limit ~= cjson.null then
    redis.call('HSET', K.rate, limit.name, string.format('%.0f %.0f', limit.calls, limit.window * 1000))
  end
  changed = true
end

for i = 6, #ARGV, 2 do
  declare(ARGV[i], ARGV[i + 1])
  redis.call('ZADD', K.served, until_then, ARGV[i])
  redis.call('ZREMRANGEBYSCORE', named('takers', ARGV[i]), '-inf', digits(now))
  redis.call('ZADD', named('takers', ARGV[i]), until_then, roster)
end
if changed then redis.call('INCR', K.catalogue) end
return {'OK', now, seq, since}

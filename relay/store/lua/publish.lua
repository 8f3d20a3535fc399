--!allow-oom
-- publish: a worker says which jobs it serves, and promises to say so again.
-- arguments: tag, epoch, time to live (ms), then for each job: name, JSON
-- answer:    {'OK', now}
--@include prelude
local changed = false
for i = 4, #ARGV, 2 do
  if redis.call('HGET', K.serve, ARGV[i]) ~= ARGV[i + 1] then
    redis.call('HSET', K.serve, ARGV[i], ARGV[i + 1])
    local limit = cjson.decode(ARGV[i + 1]).limit
    if limit and limit ~= cjson.null then
      redis.call('HSET', K.rate, limit.name, string.format('%.0f %.0f', limit.calls, limit.window * 1000))
    end
    changed = true
  end
  redis.call('ZADD', K.served, string.format('%.0f', now + tonumber(ARGV[3])), ARGV[i])
end
if changed then redis.call('INCR', K.catalogue) end
return {'OK', now}

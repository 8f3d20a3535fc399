--!allow-oom
-- register: a process tells of itself, or leaves. Those that have told nothing for SILENT ms are forgotten.
-- arguments: tag, epoch, name, told (bytes that no script reads; none: it leaves)
-- answer:    {'OK', now, seq}
-- needs: prelude, writes
local SILENT = 60000
if ARG.told == '' then
  redis.call('HDEL', K.process, ARG.name)
  redis.call('ZREM', K.seen, ARG.name)
else
  redis.call('HSET', K.process, ARG.name, ARG.told)
  redis.call('ZADD', K.seen, digits(now), ARG.name)
end
local gone = redis.call('ZRANGEBYSCORE', K.seen, '-inf', digits(now - SILENT), 'LIMIT', 0, 100)
if #gone > 0 then
  redis.call('ZREM', K.seen, unpack(gone))
  redis.call('HDEL', K.process, unpack(gone))
end
return {'OK', now, seq}

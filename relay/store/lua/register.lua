--!allow-oom
-- register: a process tells of itself. Those that have told nothing for SILENT ms are forgotten.
-- arguments: tag, epoch, name, told (bytes that no script reads)
-- answer:    {'OK', now, seq}
-- needs: prelude, writes
local SILENT = 60000
redis.call('HSET', K.process, ARG.name, ARG.told)
redis.call('ZADD', K.seen, digits(now), ARG.name)
local gone = redis.call('ZRANGEBYSCORE', K.seen, '-inf', digits(now - SILENT), 'LIMIT', 0, 100)
if #gone > 0 then
  redis.call('ZREM', K.seen, unpack(gone))
  redis.call('HDEL', K.process, unpack(gone))
end
return {'OK', now, seq}

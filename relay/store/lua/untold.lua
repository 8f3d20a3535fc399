--!no-writes
-- untold: durable jobs that have ended and were not told of, those first that ended first.
-- arguments: tag, epoch, age (ms since that, at least), most
-- answer:    {'OK', now, seq, ids}
-- needs: prelude, reads
local before = digits(now - tonumber(ARG.age))
return {'OK', now, seq, redis.call('ZRANGEBYSCORE', K.untold, '-inf', before, 'LIMIT', 0, ARG.most)}

-- enroll: opens a worker's session; its turns start at 1.
-- arguments: tag, epoch, session, lease (ms)
-- answer:    {'OK', now}
--@include prelude
redis.call('ZADD', K.session, string.format('%.0f', now + tonumber(ARGV[4])), ARGV[3])
redis.call('HSET', K.turn, ARGV[3], '0')
return {'OK', now}

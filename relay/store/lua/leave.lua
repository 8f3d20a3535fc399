--!allow-oom
-- leave: closes a session; whatever it still holds goes back to its old place, that attempt counted.
-- arguments: tag, epoch, session, queues it served
-- answer:    {'OK', now, ids given back}
--@include prelude
--@include mail
local session, back = ARGV[3], {}
redis.call('ZREM', K.session, session)
redis.call('HDEL', K.turn, session)
for i = 4, #ARGV do redis.call('HDEL', named('idle', ARGV[i]), session) end
local runs = redis.call('HGETALL', K.run)
for i = 1, #runs, 2 do
  local id, run = runs[i], runs[i + 1]
  local kept = string.sub(run, 1, #session + 1) == session .. ' ' and redis.call('HGET', K.job, id)
  if kept then
    local queue = fields_of(kept)[QUEUE]
    redis.call('HDEL', K.run, id)
    redis.call('HINCRBY', K.tries, id, 1)
    redis.call('ZADD', named('ready', queue), string.match(run, '(%S+)$'), id)
    wake(queue, 1)
    back[#back + 1] = id
  end
end
send_mail()
return {'OK', now, unpack(back)}

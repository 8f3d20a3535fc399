--!allow-oom
-- pause: a schedule fires no more, or again.
-- arguments: tag, epoch, name, on (1: it pauses, 0: it goes on)
-- answer:    {'OK', now, seq, 1 if there is such a schedule}
-- needs: prelude, writes
local name = ARG.name
if redis.call('HEXISTS', K.schedule, name) == 0 then return {'OK', now, seq, 0} end
if ARG.on == '1' then
  redis.call('HSETNX', K.paused, name, digits(now))
else
  redis.call('HDEL', K.paused, name)
end
return {'OK', now, seq, 1}

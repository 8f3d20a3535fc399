--!allow-oom
-- pause: a schedule fires no more, or again.
-- arguments: tag, epoch, name, on (1: it pauses, 0: it goes on)
-- answer:    {'OK', now, seq, 1 if there is such a schedule}
-- needs: prelude, writes
local name = ARG.name
if redis.call('HEXISTS', K.schedule, name) == 0 then return {'OK', now, seq, 0} end
local is_paused = redis.call('HEXISTS', K.paused, name) == 1
if ARG.on ~= '1' then
  redis.call('HDEL', K.paused, name)
elseif not is_paused then
  redis.call('HSET', K.paused, name, digits(now))
end
return {'OK', now, seq, 1}

--!allow-oom
-- bring: a schedule goes on in this partition, where its declaration has moved it, as it stood in another one.
-- arguments: tag, epoch, name, due, text, paused, fired, id (the fields of `Scheduled`)
-- answer:    {'OK', now, seq, 1 if it was not known here}: else it goes on as it stands here
-- needs: prelude, writes
local name = ARG.name
if redis.call('HEXISTS', K.schedule, name) == 1 then return {'OK', now, seq, 0} end
redis.call('HSET', K.schedule, name, ARG.due .. ' ' .. ARG.text)
if ARG.paused ~= '0' then redis.call('HSET', K.paused, name, ARG.paused) end
if ARG.fired ~= '0' then redis.call('HSET', K.fired, name, ARG.fired .. ' ' .. ARG.id) end
return {'OK', now, seq, 1}

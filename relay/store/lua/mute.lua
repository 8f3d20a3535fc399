--!allow-oom
-- mute: this inbox is told no more of a job than its outcome.
-- arguments: tag, epoch, inbox, id
-- answer:    {'OK', now, seq}
-- needs: prelude, writes
local left = {}
for inbox in string.gmatch(redis.call('HGET', K.listen, ARG.id) or '', '%S+') do
  if inbox ~= ARG.inbox then left[#left + 1] = inbox end
end
redis.call('HDEL', K.listen, ARG.id)
if #left > 0 then redis.call('HSET', K.listen, ARG.id, table.concat(left, ' ')) end
return {'OK', now, seq}

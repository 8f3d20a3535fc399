--!allow-oom
-- stop: no job of a name, or of a queue, begins any more, or again. Sessions that found too little look again then.
-- arguments: tag, epoch, what (`name NAME` or `queue QUEUE`), on (1: stop, 0: go on)
-- answer:    {'OK', now, seq, 1 if that was not so already}
-- needs: prelude, writes, mail
local what, on = ARG.what, ARG.on == '1'
if on then return {'OK', now, seq, redis.call('HSETNX', K.stopped, what, digits(now))} end
local was_stopped = redis.call('HDEL', K.stopped, what)
local kind, of = string.match(what, '^(%S+) (.*)$')

local function wake_names(key)
  for _, name in ipairs(redis.call('ZRANGE', key, 0, 9999)) do
    local is_meant = kind == 'name' and name == of or kind == 'queue' and redis.call('HGET', K.queueof, name) == of
    if is_meant then wake(name, 1000) end
  end
end

if was_stopped == 1 then
  wake_names(K.heads)
  wake_names(K.suspects)
end
send_mail()
return {'OK', now, seq, was_stopped}

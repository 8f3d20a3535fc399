--!allow-oom
-- cancel: ends a job that waits; asks the worker of one that runs to stop it.
-- arguments: tag, epoch, owner, keep (ms), id
-- answer:    {'OK', now, standing before}; {'done', outcome} after it where it waited
--@include prelude
--@include mail
--@include settle
--@include standing
local owner, keep, id = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local known = standing(id, owner)
if known[1] == 'live' and known[2] == 'running' then
  local session = string.match(redis.call('HGET', K.run, id), '^%S+')
  post(process_of(session), id, 'c')
elseif known[1] == 'live' then
  redis.call('ZREM', K.delay, id)
  redis.call('ZREM', named('ready', fields_of(known[3])[QUEUE]), id)
  settle(id, known[3], 'cancelled', '', known[5], 0)
  write_settled(keep)
end
send_mail()
return {'OK', now, known, redis.call('GET', named('result', id))}

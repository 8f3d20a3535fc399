--!allow-oom
-- cancel: ends a job that waits; asks the worker of one that runs to stop it.
-- arguments: tag, epoch, owner, keep (ms), id
-- answer:    {'OK', now, standing before, outcome after it where the job waited}
--@include prelude
--@include places
--@include mail
--@include settle
--@include standing
--@include cancel_job
local id = ARGV[5]
local known = standing(id, ARGV[3])
if known[1] == 'live' then cancel_job(id, known[3]) end
write_settled(tonumber(ARGV[4]))
send_mail()
return {'OK', now, known, redis.call('GET', named('result', id))}

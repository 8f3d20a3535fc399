--!allow-oom
-- cancel: ends a job that waits; asks the worker of one that runs to stop it.
-- arguments: tag, epoch, owner, terms, id
-- answer:    {'OK', now, seq, standing before, outcome after it where the job waited}
--@include prelude
--@include writes
--@include mail
--@include places
--@include busy
--@include kept
--@include letters
--@include times
--@include settle
--@include standing
--@include cancel_job
local id = ARGV[5]
read_terms(ARGV[4])
local known, kept = standing(id, ARGV[3])
if kept then cancel_job(id, kept) end
write_settled()
send_mail()
return {'OK', now, seq, known, redis.call('GET', named('result', id))}

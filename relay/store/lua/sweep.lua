--!allow-oom
-- sweep: what every process does now and then: keeps its inbox alive (or makes it), lets time pass for jobs.
-- arguments: tag, epoch, inbox, its time to live (ms), keep (ms)
-- answer:    {'OK', now, 1 if the inbox was there, version of the catalogue}
--@include prelude
--@include mail
--@include settle
--@include due
local inbox, ttl, keep = named('inbox', ARGV[3]), ARGV[4], tonumber(ARGV[5])
local there = redis.call('EXISTS', inbox)
if there == 0 then redis.call('XADD', inbox, '*', '-', 'h') end
redis.call('PEXPIRE', inbox, ttl)
promote()
expire()
write_settled(keep)
send_mail()
return {'OK', now, there, tonumber(redis.call('GET', K.catalogue) or 0)}

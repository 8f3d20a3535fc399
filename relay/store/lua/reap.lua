--!allow-oom
-- reap: a process has died; its sessions are closed, what they held is suspected and goes back.
-- arguments: tag, epoch, process, keep (ms)
-- answer:    {'OK', now, ids given back}
--@include prelude
--@include mail
--@include settle
--@include places
--@include deaths
--@include release
local process = ARGV[3]
local back = release(function(session) return process_of(session) == process end, true)
redis.call('DEL', named('inbox', process))
write_settled(tonumber(ARGV[4]))
send_mail()
return {'OK', now, unpack(back)}

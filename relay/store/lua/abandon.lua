--!allow-oom
-- abandon: the clients of this inbox went away and want their job cancelled, if nobody else waits for it.
-- arguments: tag, epoch, inbox, terms, id
-- answer:    {'OK', now, seq, 1 if the job was cancelled or its worker asked to, 0 if others wait or it has ended}
--@include prelude
--@include writes
--@include mail
--@include places
--@include busy
--@include kept
--@include letters
--@include times
--@include settle
--@include cancel_job
local inbox, id = ARGV[3], ARGV[5]
read_terms(ARGV[4])
local kept = redis.call('HGET', K.job, id)
if not kept then return {'OK', now, seq, 0} end
local job = fields_of(kept)
local left = (redis.call('HGET', K.left, id) or '') .. ' ' .. inbox .. ' '
for waiting in string.gmatch(job[INBOX] .. ' ' .. (redis.call('HGET', K.wait, id) or ''), '%S+') do
  if not string.find(left, ' ' .. waiting .. ' ', 1, true) then
    redis.call('HSET', K.left, id, left)
    return {'OK', now, seq, 0}
  end
end
cancel_job(id, kept)
write_settled()
send_mail()
return {'OK', now, seq, 1}

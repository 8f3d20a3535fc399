--!allow-oom
-- abandon: the clients of this inbox went away and want their job cancelled, if nobody else waits for it.
-- arguments: tag, epoch, inbox, terms, id
-- answer:    {'OK', now, seq, 1 if the job was cancelled or its worker asked to, 0 if others wait or it has ended}
-- A job that others may join goes on: not all who asked for it wait.
-- needs: prelude, writes, jobs, cancel_job, letters, mail, ones, settle
local inbox, id = ARG.inbox, ARG.id
read_terms(ARG.terms)
local kept = redis.call('HGET', K.job, id)
if not kept then return {'OK', now, seq, 0} end
local job = fields_of(kept)
if is_unique(job) then return {'OK', now, seq, 0} end
local left = (redis.call('HGET', K.left, id) or '') .. ' ' .. inbox .. ' '
for waiting in string.gmatch(job[Job.inbox] .. ' ' .. (redis.call('HGET', K.wait, id) or ''), '%S+') do
  if not string.find(left, ' ' .. waiting .. ' ', 1, true) then
    redis.call('HSET', K.left, id, left)
    return {'OK', now, seq, 0}
  end
end
cancel_job(id, kept)
write_settled()
send_mail()
return {'OK', now, seq, 1}

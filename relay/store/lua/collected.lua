--!allow-oom
-- collected: somebody has the outcome of this job, so the job that would have been given it is not begun.
-- arguments: tag, epoch, id
-- answer:    {'OK', now, seq, 1 if there was such a job, and nothing of it was done}
-- needs: prelude, writes, jobs, alive, following, kept, times
local following = following_id(ARG.id)
if redis.call('HEXISTS', K.tries, following) == 1 then return {'OK', now, seq, 0} end
local kept = redis.call('HGET', K.job, following) or ''
local waited = put_off_no_more(following, fields_of(kept)[Job.name])
if waited == 1 then
  weigh(-#kept)
  lives(fields_of(kept)[Job.caller], -1)
  write_alive()
  redis.call('HDEL', K.job, following)
end
return {'OK', now, seq, waited}

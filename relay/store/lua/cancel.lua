--!allow-oom
-- cancel: ends a job that waits; asks the worker of one that runs to stop it.
-- arguments: tag, epoch, owner, terms, id
-- answer:    {'OK', now, seq, standing before, outcome after it where the job waited}
-- needs: prelude, writes, cancel_job, letters, mail, orphans, standing
local id = ARG.id
read_terms(ARG.terms)
local known, kept = standing(id, ARG.owner)
if kept then cancel_job(id, kept) end
write_settled_with_orphans()
send_mail()
return {'OK', now, seq, known, redis.call('GET', named('result', id))}

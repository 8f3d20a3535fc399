-- bring_back: runs a dead job again, as another job; it is no dead job any more.
-- arguments: tag, epoch, most_jobs, most_bytes, dead (its id), then a `Submission`
-- answer:    {'OK', now, seq, 1 if it was a dead job, a `Receipt` (see submit.lua) where it was}. Refused, it stays dead.
-- needs: prelude, writes, adding, letters, lists, mail
local dead, row = ARG.dead, submission_at(ARG.REST)
if not redis.call('ZSCORE', K.dead, dead) then return {'OK', now, seq, 0} end
read_room(ARG.most_jobs, ARG.most_bytes)
local receipt = submitted(reserve(1) + 1, row, '', true)
if receipt[Receipt.id] or receipt[Receipt.known] == 'new' then forget_letters({dead}) end
write_added()
send_mail()
return {'OK', now, seq, 1, receipt}

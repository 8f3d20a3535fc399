-- fire: a schedule goes on from one firing to the next, and the job of that firing is added, if the schedule is still where
-- the caller saw it: of several that come with the same firing, one adds its job.
-- arguments: tag, epoch, most_jobs, most_bytes, name, seen (when it was due, -1: it had no schedule), next (when it is due
--            next, ms), text (the schedule as it is from now on), at (the firing, ms), then at most one `Submission`
-- answer:    {'OK', now, seq, 1 if it went on}: not where another did that, where it is paused, or the queue is full
-- needs: prelude, writes, adding, lists, mail
local name = ARG.name
local due = string.match(redis.call('HGET', K.schedule, name) or '', '^%S+') or '-1'
if due ~= ARG.seen then return {'OK', now, seq, 0} end
if #ARGV >= ARG.REST then
  if redis.call('HEXISTS', K.paused, name) == 1 then return {'OK', now, seq, 0} end
  local row = submission_at(ARG.REST)
  read_room(ARG.most_jobs, ARG.most_bytes)
  local receipt = submitted(reserve(1) + 1, row, '', true)
  if receipt[Receipt.known] == 'full' then return {'OK', now, seq, 0} end
  write_added()
  send_mail()
  redis.call('HSET', K.fired, name, ARG.at .. ' ' .. (receipt[Receipt.id] or row[Submission.id]))
end
redis.call('HSET', K.schedule, name, ARG.next .. ' ' .. ARG.text)
return {'OK', now, seq, 1}

--!no-writes
-- detail: all that is known of one job.
-- arguments: tag, epoch, id
-- answer:    {'OK', now, seq, `Detail`}: standing (see standing.lua, of anyone), kept ('' for a job that does not live),
--            session (that runs it), due (ms, of one that waits for its time), why (it waits), history (MessagePack, '' for
--            none), waiters (inboxes), children (at most 100 ids), letter (`DeadJob`, empty for a job that is not dead)
-- needs: prelude, reads, jobs, letter, runs, standing, waits
local id = ARG.id
local known, kept = standing(id, '*')
local job = kept and fields_of(kept)
local run = kept and redis.call('HGET', K.run, id)

local waiters = {}
if job then
  for inbox in string.gmatch(job[Job.inbox] .. ' ' .. (redis.call('HGET', K.wait, id) or ''), '%S+') do
    waiters[#waiters + 1] = inbox
  end
end
return {'OK', now, seq, Detail{
  standing = known, kept = kept or '', session = run and (read_run(run)) or '',
  due = tonumber(kept and redis.call('ZSCORE', K.delay, id) or 0), why = job and not run and why_waiting(id, job) or '',
  history = redis.call('HGET', K.history, id) or '', waiters = waiters,
  children = redis.call('ZRANGE', named('children', id), 0, 99), letter = letter_of(id) or {}}}

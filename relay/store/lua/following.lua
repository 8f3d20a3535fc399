-- The job that gets an outcome: at once where nobody waits for it, else after a while, unless `collected` says meanwhile that
-- somebody has it. Its arguments are the outcome as it is kept, for `relay.store.codec` to read. It takes up the place of the
-- job that has ended, of those that their caller may have at once.
-- needs: prelude, jobs, alive, kept, times
local COLLECTED_WITHIN = 10000
local function following_id(id) return id .. '-then' end

local function follow(id, job, outcome, is_awaited)
  local follows = job[Job.then_]
  local arguments = cjson.encode({id, unpack(outcome, 1, Outcome.follows)})
  local following = Job{
    JobTemplate = follows, owner = job[Job.owner], trace = job[Job.trace], arguments = arguments, caller = job[Job.caller],
    fair = job[Job.fair], notify = job[Job.notify] or ''}
  local kept = packed_job(string.format(Kept.FORMAT, now, 0), following)
  redis.call('HSET', K.job, following_id(id), kept)
  weigh(#kept)
  lives(job[Job.caller], 1)
  put_off(following_id(id), follows[JobTemplate.name], now + (is_awaited and COLLECTED_WITHIN or 0))
end

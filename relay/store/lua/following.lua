-- The job that gets an outcome: at once where nobody waits for it, else after a while, unless `collected` says meanwhile that
-- somebody has it. Its arguments are the outcome as it is kept, for `relay.store.codec` to read.
-- needs: prelude, jobs, kept, times
local COLLECTED_WITHIN = 10000
local function following_id(id) return id .. '-then' end

local function follow(id, job, outcome, is_awaited)
  local follows = job[Job.then_]
  local arguments = cjson.encode({id, unpack(outcome)})
  local following = Job{JobTemplate = follows, owner = job[Job.owner], trace = job[Job.trace], arguments = arguments}
  local kept = packed_job(string.format(Kept.FORMAT, now, 0), following)
  redis.call('HSET', K.job, following_id(id), kept)
  weigh(#kept)
  at_time(K.delay, now + (is_awaited and COLLECTED_WITHIN or 0), following_id(id))
end

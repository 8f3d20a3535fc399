-- Ends of durable jobs are told once a replica or the disk has them. Until then `ending` has them, `untold` since when, and
-- the job runs, for all who look.
-- needs: prelude
local function has_ended(id, job) return job[Job.durable] and redis.call('HEXISTS', K.ending, id) == 1 end

local function ended_standing(id, job, kept, progress)
  local ending = cmsgpack.unpack(redis.call('HGET', K.ending, id))
  return JobStatus{
    state = 'running', name = job[Job.name], created = tonumber(string.sub(kept, 1, Kept.STAMP)),
    started = ending[Ending.started], attempts = ending[Ending.attempts], position = 0, progress = progress, durable = 1}
end

local function put_aside(id, ending)
  redis.call('HSET', K.ending, id, cmsgpack.pack(ending))
  redis.call('ZADD', K.untold, digits(now), id)
  redis.call('HDEL', K.run, id)
  redis.call('ZREM', K.deadline, id)
end

-- How a job ended that was put aside, which it is no more; nil for none.
local function take_ending(id)
  local packed = redis.call('HGET', K.ending, id)
  if not packed then return nil end
  redis.call('HDEL', K.ending, id)
  redis.call('ZREM', K.untold, id)
  return cmsgpack.unpack(packed)
end

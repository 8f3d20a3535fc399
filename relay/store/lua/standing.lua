-- What is known of a job, if it is this owner's ('*' is anyone).
-- {'none'} · {'done', outcome} · a row of `Standing`, times in ms
-- needs: jobs, aside, places, portions, runs, spoilt
local function place_in_line(id, job)
  if redis.call('ZSCORE', K.delay, id) then return 'scheduled', 0 end
  local rank = redis.call('ZRANK', line_of(job[Job.name], job[Job.lane]), id)
    or redis.call('ZRANK', named('suspect', job[Job.name]), id)
  return 'queued', (rank or 0) + 1
end

-- The second value is the job as it is kept, of one that is live.
local function standing(id, owner)
  local kept = read_jobs({id})[1]
  if kept then
    local job = fields_of(kept)
    if owner ~= '*' and job[Job.owner] ~= owner then return {'none'} end
    local run, progress = redis.call('HGET', K.run, id), redis.call('HGET', K.progress, id) or ''
    if run then
      local _, started, attempt = read_run(run)
      return JobStatus{
        state = 'running', name = job[Job.name], created = created_of(kept), started = started, attempts = attempt,
        position = 0, progress = progress, durable = job[Job.durable] and 1 or 0}, kept
    end
    if has_ended(id, job) then return ended_standing(id, job, kept, progress), kept end
    local state, position = place_in_line(id, job)
    local tries = tonumber(redis.call('HGET', K.tries, id) or 0)
    return JobStatus{
      state = state, name = job[Job.name], created = created_of(kept), started = 0, attempts = tries,
      position = position, progress = progress, durable = job[Job.durable] and 1 or 0}, kept
  end
  local outcome = unless_spoilt(redis.pcall('GET', named('result', id)), false)
  if outcome then read_bytes = read_bytes + #outcome end
  if outcome and (owner == '*' or cmsgpack.unpack(outcome)[Outcome.owner] == owner) then return {'done', outcome} end
  return {'none'}
end

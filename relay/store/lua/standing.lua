-- What is known of a job, if it is this owner's ('*' is anyone).
-- needs: prelude, places
-- {'none'} · {'done', outcome} · {'live', state, name, created (ms), started (ms), attempts, position, progress}
local function place_in_line(id, job)
  if redis.call('ZSCORE', K.delay, id) then return 'scheduled', 0 end
  local rank = redis.call('ZRANK', line_of(job[NAME], job[LANE]), id) or redis.call('ZRANK', named('suspect', job[NAME]), id)
  return 'queued', (rank or 0) + 1
end

-- The second value is the job as it is kept, of one that is live.
local function standing(id, owner)
  local kept = read_jobs({id})[1]
  if kept then
    local job = fields_of(kept)
    if owner ~= '*' and job[OWNER] ~= owner then return {'none'} end
    local run, progress = redis.call('HGET', K.run, id), redis.call('HGET', K.progress, id) or ''
    if run then
      local started, attempt = string.match(run, '^%S+ %S+ (%S+) (%S+)')
      return {'live', 'running', job[NAME], created_of(kept), tonumber(started), tonumber(attempt), 0, progress}, kept
    end
    local state, position = place_in_line(id, job)
    local tries = tonumber(redis.call('HGET', K.tries, id) or 0)
    return {'live', state, job[NAME], created_of(kept), 0, tries, position, progress}, kept
  end
  local outcome = redis.call('GET', named('result', id))
  if outcome then read_bytes = read_bytes + #outcome end
  if outcome and (owner == '*' or cmsgpack.unpack(outcome)[2] == owner) then return {'done', outcome} end
  return {'none'}
end

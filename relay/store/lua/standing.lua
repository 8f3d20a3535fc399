-- What is known of a job, if it is this owner's ('*' is anyone).
-- needs: prelude, places
-- {'none'} · {'done', outcome} · {'live', state, job as kept, started, attempts, position, progress}
local function place_in_line(id, kept)
  if redis.call('ZSCORE', K.delay, id) then return 'scheduled', 0 end
  local job = fields_of(kept)
  local rank = redis.call('ZRANK', line_of(job[NAME], job[LANE]), id) or redis.call('ZRANK', named('suspect', job[NAME]), id)
  return 'queued', (rank or 0) + 1
end

local function standing(id, owner)
  local kept = redis.call('HGET', K.job, id)
  if kept then
    if owner ~= '*' and fields_of(kept)[OWNER] ~= owner then return {'none'} end
    local run, progress = redis.call('HGET', K.run, id), redis.call('HGET', K.progress, id) or ''
    if run then
      local started, attempt = string.match(run, '^%S+ %S+ (%S+) (%S+)')
      return {'live', 'running', kept, tonumber(started), tonumber(attempt), 0, progress}
    end
    local state, position = place_in_line(id, kept)
    return {'live', state, kept, 0, tonumber(redis.call('HGET', K.tries, id) or 0), position, progress}
  end
  local outcome = redis.call('GET', named('result', id))
  if outcome and (owner == '*' or cmsgpack.unpack(outcome)[2] == owner) then return {'done', outcome} end
  return {'none'}
end

-- Why a job waits.
-- needs: prelude, stopped
local function why_waiting(id, job)
  local name, lane = job[Job.name], job[Job.lane]
  if redis.call('ZSCORE', K.delay, id) then return Why.DELAYED end
  if stopped_since(name) then return Why.PAUSED end
  if redis.call('ZCOUNT', named('takers', name), '(' .. digits(now), '+inf') == 0 then return Why.UNSERVED end
  if redis.call('ZSCORE', named('suspect', name), id) then return Why.SUSPECTED end
  if lane ~= '' and redis.call('ZSCORE', K.shut, name .. ' ' .. lane) then return Why.LIMITED end
  return Why.FULL
end

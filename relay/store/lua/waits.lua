-- Why a job waits.
-- needs: aside, stopped
local MOST_SESSIONS = 200

-- Whether a session is open that has the name. What workers have promised (`served`) goes on for a while after they ended.
local function has_worker(name)
  for _, session in ipairs(redis.call('ZRANGE', K.session, 0, MOST_SESSIONS - 1)) do
    local words = redis.call('HGET', K.roster, session)
    if words and string.find(words, ' ' .. name .. '=', 1, true) then return true end
  end
  return false
end

local function why_waiting(id, job)
  local name, lane = job[Job.name], job[Job.lane]
  if has_ended(id, job) then return Why.UNTOLD end
  if redis.call('ZSCORE', K.delay, id) then return Why.DELAYED end
  if stopped_since(name) then return Why.PAUSED end
  if not has_worker(name) then return Why.UNSERVED end
  if redis.call('ZSCORE', named('suspect', name), id) then return Why.SUSPECTED end
  if lane ~= '' and redis.call('ZSCORE', K.shut, name .. ' ' .. lane) then return Why.LIMITED end
  return Why.FULL
end

-- Closes sessions: what they hold goes back, or ends where it has crashed too often or must not run twice.
-- needs: prelude, mail, settle
local CRASHES = 3 -- of a job's workers, until it is a dead letter

-- crashed: its worker died under it, so it is suspected, and the attempt counts
local function give_back(id, run, kept, crashed)
  redis.call('HDEL', K.run, id)
  local attempt, old_score = string.match(run, '^%S+ %S+ %S+ (%S+) (%S+)$')
  local started = tonumber(string.match(run, '^%S+ %S+ (%S+)'))
  local job = fields_of(kept)
  if not crashed then
    redis.call('ZADD', named('ready', job[QUEUE]), old_score, id)
  elseif job[ONCE] then
    settle(id, kept, 'failed', 'interrupted', tonumber(attempt), started)
    return
  elseif redis.call('HINCRBY', K.crash, id, 1) >= CRASHES then
    bury(id, kept, 'worker-died')
    settle(id, kept, 'failed', 'worker-died', tonumber(attempt), started)
    return
  else
    redis.call('HINCRBY', K.tries, id, 1)
    redis.call('ZADD', named('suspect', job[QUEUE]), old_score, id)
  end
  local latest = deadline_of(kept)
  if latest > 0 then redis.call('ZADD', K.deadline, string.format('%.0f', latest), id) end
  wake(job[QUEUE], 1)
end

local function close_session(session)
  redis.call('ZREM', K.session, session)
  redis.call('HDEL', K.turn, session)
  redis.call('HDEL', K.trial, session)
  for _, queue in ipairs(redis.call('SMEMBERS', K.queues)) do
    redis.call('HDEL', named('idle', queue), session)
  end
end

-- closes the sessions for which `is_closed` says so; the ids that they held
local function release(is_closed, crashed)
  local back, runs = {}, nil
  for _, session in ipairs(redis.call('ZRANGE', K.session, 0, -1)) do
    if is_closed(session) then
      close_session(session)
      runs = runs or redis.call('HGETALL', K.run)
      for i = 1, #runs, 2 do
        local kept = string.sub(runs[i + 1], 1, #session + 1) == session .. ' ' and redis.call('HGET', K.job, runs[i])
        if kept then
          give_back(runs[i], runs[i + 1], kept, crashed)
          back[#back + 1] = runs[i]
        end
      end
    end
  end
  return back
end

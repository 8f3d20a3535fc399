-- Closes sessions: what they hold goes back, or ends where it has crashed too often or must not run twice.
-- needs: prelude, mail, settle, places, deaths

local guilty = {}

-- crashed: its worker died under it, so the attempt counts. At first it goes back like any other, for most are merely
-- neighbours of what killed their worker, or of nothing at all.
local function give_back(id, run, kept, crashed)
  redis.call('HDEL', K.run, id)
  local session, started, attempt, old_score = string.match(run, '^(%S+) %S+ (%S+) (%S+) (%S+)$')
  local job = fields_of(kept)
  if not crashed then
    enqueue(id, job, old_score)
  elseif job[ONCE] then
    settle(id, kept, 'failed', 'interrupted', tonumber(attempt), tonumber(started))
    return
  else
    local deaths = add_death(id, session)
    if deaths >= MOST then
      guilty[#guilty + 1] = id
      bury(id, kept, 'worker-died')
      settle(id, kept, 'failed', 'worker-died', tonumber(attempt), tonumber(started))
      return
    end
    redis.call('HINCRBY', K.tries, id, 1)
    if deaths < SUSPECT then
      enqueue(id, job, old_score)
    else
      redis.call('ZADD', named('suspect', job[QUEUE]), old_score, id)
      wake(job[QUEUE], 1000) -- one of all may hold nothing
    end
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
  for _, id in ipairs(guilty) do acquit_neighbours(id) end
  return back
end

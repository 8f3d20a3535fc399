-- Closes sessions: what they hold goes back, or ends where it has crashed too often, must not run twice (and has no
-- checkpoint to go on from), or was cancelled.
-- A closed session's jobs go back at most 100 a script, whoever runs it: `closing` has the sessions that still hold some.
-- needs: writes, mail, letters, times, settle, places, deaths
local MOST_BACK = 100
local given_back = {} -- session, id, name, …

-- A worker died under this job, so the attempt counts, unless another job is to blame. At first it goes back like any other, for most are merely
-- neighbours of what killed their worker, or of nothing at all.
local function give_back_crashed(id, job, kept, session, attempt, started, place)
  local guilty = to_blame(session)
  if job[ONCE] and redis.call('HEXISTS', K.checkpoint, id) == 0 then
    settle(id, kept, 'failed', 'interrupted', attempt, started)
    return
  end
  local deaths = {}
  if not guilty or guilty == id then
    redis.call('HINCRBY', K.tries, id, 1)
    add_death(id, session)
    deaths = deaths_of(id)
  else
    redis.call('HINCRBY', K.uncounted, id, 1)
  end
  if #deaths >= MOST then
    convict(id, deaths)
    bury(id, kept, 'worker-died', table.concat(deaths, ' '))
    settle(id, kept, 'failed', 'worker-died', attempt, started)
  elseif #deaths >= SUSPECT then
    suspect(id, job[NAME], place)
    wake(job[NAME], 1000) -- one of all may hold nothing
  else
    enqueue(id, job, place)
  end
end

local function give_back(id, session, crashed, run, kept)
  local holder, started, attempt, place = string.match(run, '^(%S+) %S+ (%S+) (%S+) (%S+)')
  if holder ~= session then return end
  local job = fields_of(kept)
  given_back[#given_back + 1] = session
  given_back[#given_back + 1] = id
  given_back[#given_back + 1] = job[NAME]
  redis.call('HDEL', K.run, id)
  vacate(id, job)
  if redis.call('HEXISTS', K.cancel, id) == 1 then
    settle(id, kept, 'cancelled', '', tonumber(attempt), tonumber(started))
    return
  end
  local latest = deadline_of(kept)
  if latest > 0 then at_time(K.deadline, latest, id) end
  wake(job[NAME], 1)
  if crashed then
    give_back_crashed(id, job, kept, session, tonumber(attempt), tonumber(started), place)
  else
    redis.call('HINCRBY', K.uncounted, id, 1)
    enqueue(id, job, place)
  end
end

local function close_session(session, crashed)
  if redis.call('ZREM', K.session, session) == 0 then return end
  local roster = string.match(redis.call('HGET', K.turn, session) or '', '^%d+ (%S+)')
  if roster then redis.call('HDEL', named('idle', roster), session) end
  for _, key in ipairs({K.turn, K.trial, K.rest, K.roster}) do redis.call('HDEL', key, session) end
  if redis.call('EXISTS', named('held', session)) == 1 then
    redis.call('HSET', K.closing, session, crashed and 'crashed' or 'left')
  end
end

-- how many were looked at
local function release_some(session, crashed, most)
  local looked = 0
  while looked < most and read_bytes < READ_MOST do
    local size = math.min(portion(), most - looked)
    local ids = redis.call('ZRANGE', named('held', session), 0, size - 1)
    if #ids > 0 then
      local runs, jobs = redis.call('HMGET', K.run, unpack(ids)), read_jobs(ids)
      redis.call('ZREM', named('held', session), unpack(ids))
      for i, id in ipairs(ids) do
        if runs[i] and jobs[i] then give_back(id, session, crashed, runs[i], jobs[i]) end
      end
    end
    looked = looked + #ids
    if #ids < size then
      redis.call('HDEL', K.closing, session)
      return looked
    end
  end
  return looked
end

-- Gives back what closed sessions hold, `first` before all others; whether some is left.
local function release(first)
  if redis.call('EXISTS', K.closing) == 0 then return false end
  local left = MOST_BACK
  local how = first and redis.call('HGET', K.closing, first)
  if how then left = left - release_some(first, how == 'crashed', left) end
  local others = redis.call('HRANDFIELD', K.closing, 50, 'WITHVALUES')
  for i = 1, #others, 2 do
    if left > 0 and read_bytes < READ_MOST and others[i] ~= first then
      left = left - release_some(others[i], others[i + 1] == 'crashed', left)
    end
  end
  return redis.call('EXISTS', K.closing) == 1
end

-- Deaths of workers under a job: which sessions died, for a death that was none, or another's doing, is taken back.
-- needs: prelude, mail, places
-- From SUSPECT deaths on a job runs alone in its session, at MOST it is a dead letter: it was alone at two of them.
local SUSPECT, MOST = 3, 5

local function deaths_of(id)
  local sessions = {}
  for session in string.gmatch(redis.call('HGET', K.crash, id) or '', '%S+') do
    sessions[#sessions + 1] = session
  end
  return sessions
end

local function write_deaths(id, sessions)
  if #sessions > 0 then
    redis.call('HSET', K.crash, id, table.concat(sessions, ' '))
  else
    redis.call('HDEL', K.crash, id)
  end
end

-- how many there are by now
local function add_death(id, session)
  local sessions = deaths_of(id)
  sessions[#sessions + 1] = session
  write_deaths(id, sessions)
  return #sessions
end

-- takes back those deaths of which `is_none` says that they are none; whether there were any
local function forgive(id, is_none)
  local before, after = deaths_of(id), {}
  for _, session in ipairs(before) do
    if not is_none[session] then after[#after + 1] = session end
  end
  if #after < #before then write_deaths(id, after) end
  return #after < #before, #after
end

-- A job is found guilty of its deaths: they were not the doing of those who were beside it. Who is no suspect any more
-- goes back to the others.
local function acquit_neighbours(guilty)
  local its = {}
  for _, session in ipairs(deaths_of(guilty)) do its[session] = true end
  for _, id in ipairs(redis.call('HKEYS', K.crash)) do
    local forgiven, left = false, 0
    if id ~= guilty then forgiven, left = forgive(id, its) end
    local kept = forgiven and left < SUSPECT and redis.call('HGET', K.job, id)
    if kept then
      local job = fields_of(kept)
      local place = redis.call('ZSCORE', named('suspect', job[QUEUE]), id)
      if place then
        redis.call('ZREM', named('suspect', job[QUEUE]), id)
        enqueue(id, job, place)
        wake(job[QUEUE], 1)
      end
    end
  end
end

-- Deaths of workers under a job: which sessions died while they ran it. A death does not count for a job when another one
-- is to blame for it (`blame:session`), and is taken back when its session turns out to be alive.
-- From SUSPECT deaths on a job runs alone in its session; at MOST_DEATHS it is a dead job: it was alone at two of them.
local SUSPECT, MOST_DEATHS = 3, 5
local BLAMED_FOR = 86400 -- seconds

local blamed = {} -- of this script: session → the id that is to blame for its death, or false
local function to_blame(session)
  if blamed[session] == nil then blamed[session] = redis.call('GET', named('blame', session)) end
  return blamed[session]
end

local function all_deaths(id)
  local sessions = {}
  for session in string.gmatch(redis.call('HGET', K.crash, id) or '', '%S+') do
    sessions[#sessions + 1] = session
  end
  return sessions
end

-- those deaths that count
local function deaths_of(id)
  local sessions = {}
  for _, session in ipairs(all_deaths(id)) do
    local guilty = to_blame(session)
    if not guilty or guilty == id then sessions[#sessions + 1] = session end
  end
  return sessions
end

local function add_death(id, session)
  local before = redis.call('HGET', K.crash, id)
  redis.call('HSET', K.crash, id, before and before .. ' ' .. session or session)
end

-- takes back the death of a session that is alive; whether there was one
local function forgive(id, alive)
  local left, found = {}, false
  for _, session in ipairs(all_deaths(id)) do
    if session == alive then found = true else left[#left + 1] = session end
  end
  if not found then return false end
  if #left > 0 then
    redis.call('HSET', K.crash, id, table.concat(left, ' '))
  else
    redis.call('HDEL', K.crash, id)
  end
  return true
end

-- A job is found guilty of its deaths: they were not the doing of those that were beside it. A suspect among them is found
-- to be none when it is looked at next.
local function convict(id, sessions)
  for _, session in ipairs(sessions) do
    if not to_blame(session) then
      redis.call('SET', named('blame', session), id, 'EX', BLAMED_FOR)
      blamed[session] = id
    end
  end
end

-- Lanes that let only so many of their jobs run at once, as `most` of a declaration says: `busy` has the ids that run.
-- needs: prelude, mail, places
local FULL_LOOK = 1000 -- ms until a lane that is full is looked at again, whoever else made room in it

local function most_of(lane)
  local name = string.match(lane, '^@(%S+)')
  local declared = name and redis.call('HGET', K.rate, name)
  local most = declared and tonumber(string.match(declared, '^%S+ %S+ (%S+)$'))
  return most and most > 0 and most or nil
end

-- Takes out what does not run any more, at most a hundred; how many.
local function forget_idle(lane)
  local ids = redis.call('ZRANGE', named('busy', lane), 0, 99)
  local runs, idle = redis.call('HMGET', K.run, unpack(ids)), {}
  for i, id in ipairs(ids) do
    if not runs[i] then idle[#idle + 1] = id end
  end
  if #idle > 0 then redis.call('ZREM', named('busy', lane), unpack(idle)) end
  return #idle
end

-- how many more may run; nil for any number
local function free_of(lane)
  local most = most_of(lane)
  if not most then return nil end
  local free = most - redis.call('ZCARD', named('busy', lane))
  if free < 1 then free = free + forget_idle(lane) end
  return math.max(0, free)
end

-- Jobs of a lane begin to run.
local function occupy(lane, ids)
  if not most_of(lane) then return end
  local entries = {}
  for _, id in ipairs(ids) do
    entries[#entries + 1] = 0
    entries[#entries + 1] = id
  end
  redis.call('ZADD', named('busy', lane), unpack(entries))
end

-- A job runs no more: the next of its lane may.
local function vacate(id, job)
  local name, lane = job[Job.name], job[Job.lane]
  if lane == '' or redis.call('ZREM', named('busy', lane), id) == 0 then return end
  if redis.call('EXISTS', named('suspect', name)) == 1 then wake(name, 1) end
  local place = redis.call('ZRANGE', line_of(name, lane), 0, 0, 'WITHSCORES')[2]
  if not place then return end
  redis.call('ZREM', K.shut, name .. ' ' .. lane)
  raise_lane(name, lane, digits(tonumber(place)))
  wake(name, 1)
end

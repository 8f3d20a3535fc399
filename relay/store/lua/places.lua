-- Where jobs wait to be claimed: each name has a line of its own (`ready`), and one for each lane of it, which lets go of
-- them no faster than its limit allows. `heads` has each name by the first place in its lines, `lanes` each lane of a name
-- that is open, likewise: so a session finds what goes first among the names that it serves, whatever the line. A head may
-- be lower than the line's first place (that one was taken out), never higher: whoever claims puts it right.
-- needs: times
local function line_of(name, lane)
  if lane == '' then return named('ready', name) end
  return named('lane', name .. ':' .. lane)
end

local known_heads = {} -- of this script: names whose head is at least as low
local function raise_name(name, place)
  local known = known_heads[name]
  if known and known <= tonumber(place) then return end
  redis.call('ZADD', K.heads, 'LT', place, name)
  known_heads[name] = tonumber(place)
end

local function raise_lane(name, lane, place)
  redis.call('ZADD', named('lanes', name), 'LT', place, lane)
  raise_name(name, place)
end

-- A place is given as a number, or as digits.
local function enqueue(id, job, place)
  local name, lane = job[Job.name], job[Job.lane]
  redis.call('ZADD', line_of(name, lane), place, id)
  if lane == '' then
    raise_name(name, place)
  elseif not redis.call('ZSCORE', K.shut, name .. ' ' .. lane) then
    raise_lane(name, lane, place)
  end
end

local function suspect(id, name, place)
  redis.call('ZADD', named('suspect', name), place, id)
  redis.call('ZADD', K.suspects, 'LT', place, name)
end

-- A lane that is empty has no rounds (`fair.lua`), and clients choose how many lanes there are. Lines of names are few.
local function forget_rounds(name, lane) redis.call('DEL', named('fair', name .. ':' .. lane)) end

local function forget_line(name, lane)
  if redis.call('EXISTS', line_of(name, lane)) == 1 then return end
  if lane ~= '' then
    redis.call('ZREM', named('lanes', name), lane)
    redis.call('ZREM', K.shut, name .. ' ' .. lane)
    forget_rounds(name, lane)
  end
  if redis.call('EXISTS', line_of(name, ''), named('lanes', name)) == 0 then
    redis.call('ZREM', K.heads, name)
    known_heads[name] = nil
  end
end

local function unsuspect(id, name)
  if redis.call('ZREM', named('suspect', name), id) == 0 then return end
  if redis.call('EXISTS', named('suspect', name)) == 0 then redis.call('ZREM', K.suspects, name) end
end

local function dequeue(id, job)
  if redis.call('ZREM', line_of(job[Job.name], job[Job.lane]), id) == 1 then
    forget_line(job[Job.name], job[Job.lane])
  else
    unsuspect(id, job[Job.name])
  end
  put_off_no_more(id, job[Job.name])
  redis.call('ZREM', K.deadline, id)
end

-- What happens at a time: jobs that are due, deadlines, lanes that open again.
-- needs: prelude
local is_timed = false -- whether there is any such thing, as far as this script knows
local function at_time(key, time, what)
  redis.call('ZADD', key, digits(time), what)
  is_timed = true
end

-- Jobs that wait for their time; `later` says how many of each name do.
local function count_later(name, n)
  if n ~= 0 and redis.call('HINCRBY', K.later, name, n) < 1 then redis.call('HDEL', K.later, name) end
end

local function put_off(id, name, time)
  count_later(name, redis.call('ZADD', K.delay, digits(time), id))
  is_timed = true
end

local function put_off_no_more(id, name)
  local waited = redis.call('ZREM', K.delay, id)
  count_later(name, -waited)
  return waited
end

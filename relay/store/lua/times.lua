-- What happens at a time: jobs that are due, deadlines, lanes that open again.
-- needs: prelude
local is_timed = false -- whether there is any such thing, as far as this script knows
local function at_time(key, time, what)
  redis.call('ZADD', key, digits(time), what)
  is_timed = true
end

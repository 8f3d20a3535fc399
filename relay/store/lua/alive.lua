-- How many jobs of each caller live, of those whose `Job.caller` says that they are counted: whoever adds one, or takes one
-- away, says so. What a script did is written once for each caller.
-- needs: prelude
local more_alive = {} -- of this script: by caller

local function lives(caller, n)
  if caller and caller ~= '' then more_alive[caller] = (more_alive[caller] or 0) + n end
end

local function write_alive()
  for caller, n in pairs(more_alive) do
    if n ~= 0 and redis.call('HINCRBY', K.alive, caller, digits(n)) < 1 then redis.call('HDEL', K.alive, caller) end
  end
  more_alive = {}
end

-- How often a job was started that lives, by the attempts that its standing, or its run, has: other starts count, too.
local function starts_of(id, attempts) return attempts + tonumber(redis.call('HGET', K.uncounted, id) or 0) end

-- A script that writes nothing says how far the store's history has come.
local seq = tonumber(redis.call('GET', K.seq) or 0)

-- A script that writes raises `seq`, and says to what: one that is lower than before tells of lost history.
-- needs: prelude
local seq = redis.call('INCR', K.seq)

-- Places in line: reserve(n) + 1 to reserve(n) + n, as a score. (Redis writes a number that it is given with all its digits.)
local function reserve(n) return redis.call('INCRBY', K.seq, n) - n end
local function score(priority, place) return place - priority * 35184372088832 end

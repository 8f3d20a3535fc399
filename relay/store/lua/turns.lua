-- The last turn of each session, as `turn` keeps it: its number, the session's roster, the ids that it claimed, and behind
-- HANDED the ids that were handed to the session since.
-- needs: prelude
local HANDED = ' | '
local function keep_turn(session, number, roster, ids)
  redis.call('HSET', K.turn, session, table.concat({number, roster, unpack(ids)}, ' '))
end

-- its number and roster, the ids, and all of it; nil where no such session is known
local function last_turn(session)
  local turn = redis.call('HGET', K.turn, session) or ''
  local number, roster, claimed = string.match(turn, '^(%d+) (%S+)(.*)$')
  return tonumber(number), roster, claimed, turn
end

-- What was handed to a session is told with what its last turn claimed, because that is sent again: then it is heard of.
local function join_handed(session, turn)
  local first, last = string.find(turn, HANDED, 1, true)
  if not first then return end
  redis.call('HSET', K.turn, session, string.sub(turn, 1, first) .. string.sub(turn, last + 1))
end

-- What an idle session says of itself: how many jobs it has places for, and, if it takes jobs that it is handed, until when.
local FRESH = 1500 -- ms; an idle session takes a turn every second
local function say_idle(key, session, places, heard)
  redis.call('HSET', key, session, tonumber(heard) < 0 and places or places .. ' ' .. digits(now + FRESH))
end

-- The last turn of each session, as `turn` keeps it: its number, the session's roster, the ids that it claimed.
local function keep_turn(session, number, roster, ids)
  redis.call('HSET', K.turn, session, table.concat({number, roster, unpack(ids)}, ' '))
end

-- its number and roster, and the ids; nil where no such session is known
local function last_turn(session)
  local number, roster, claimed = string.match(redis.call('HGET', K.turn, session) or '', '^(%d+) (%S+)(.*)$')
  return tonumber(number), roster, claimed
end

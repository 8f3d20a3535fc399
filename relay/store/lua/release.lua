-- Closes sessions. A closed session's jobs go back at most MOST_BACK a script, whoever runs it: `closing` has the sessions
-- that still hold some.
-- needs: given_back, news, portions, turns
local MOST_BACK = 100

local function close_session(session, crashed)
  if redis.call('ZREM', K.session, session) == 0 then return end
  local _, roster = last_turn(session)
  if roster then redis.call('HDEL', named('idle', roster), session) end
  for _, key in ipairs({K.turn, K.trial, K.rest, K.roster}) do redis.call('HDEL', key, session) end
  if redis.call('EXISTS', named('held', session)) == 1 then
    redis.call('HSET', K.closing, session, crashed and 'crashed' or 'left')
  end
end

-- how many were looked at
local function release_some(session, crashed, most)
  local looked = 0
  while looked < most and read_bytes < READ_MOST do
    local size = math.min(portion(), most - looked)
    local ids = redis.call('ZRANGE', named('held', session), 0, size - 1)
    if #ids > 0 then
      local runs, jobs = redis.call('HMGET', K.run, unpack(ids)), read_jobs(ids)
      redis.call('ZREM', named('held', session), unpack(ids))
      for i, id in ipairs(ids) do
        if runs[i] and jobs[i] then give_back(id, session, crashed, runs[i], jobs[i]) end
      end
      have_changed(ids)
    end
    looked = looked + #ids
    if #ids < size then
      redis.call('HDEL', K.closing, session)
      return looked
    end
  end
  return looked
end

-- Gives back what closed sessions hold, `first` before all others; whether some is left.
local function release(first)
  if redis.call('EXISTS', K.closing) == 0 then return false end
  local left = MOST_BACK
  local how = first and redis.call('HGET', K.closing, first)
  if how then left = left - release_some(first, how == 'crashed', left) end
  local others = redis.call('HRANDFIELD', K.closing, 50, 'WITHVALUES')
  for i = 1, #others, 2 do
    if left > 0 and read_bytes < READ_MOST and others[i] ~= first then
      left = left - release_some(others[i], others[i + 1] == 'crashed', left)
    end
  end
  return redis.call('EXISTS', K.closing) == 1
end

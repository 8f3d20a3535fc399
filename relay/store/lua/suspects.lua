-- Jobs that are suspected of killing their workers come first, but one at a time and alone, so that what dies with them is
-- their doing: in a worker that holds nothing, and while there is none, in one that takes nothing new until it does. A worker
-- may have other sessions (in other partitions): `others` says how many jobs these hold, -1 that they hold none and may be
-- about to claim some. Then a session says first that it wants to be alone, which has the worker keep the others from it.
-- needs: prelude, jobs, busy, claims, deaths, limit, places, serving, stopped

local function may_go(lane)
  return lane == '' or ((room_of(lane) or 1) >= 1 and (free_of(lane) or 1) >= 1)
end

-- The first name that is served and has a suspect. Those whose deaths were found to be another's doing are none any more.
local function suspected_name()
  for _, name in ipairs(redis.call('ZRANGE', K.suspects, 0, 9999)) do
    for _ = 1, serves(name) and not stopped_since(name) and 20 or 0 do
      local id, place = unpack(redis.call('ZRANGE', named('suspect', name), 0, 0, 'WITHSCORES'))
      if not id then break end
      local kept = redis.call('HGET', K.job, id)
      if #deaths_of(id) >= SUSPECT then
        if not kept or may_go(fields_of(kept)[Job.lane]) then return name end
        break -- its lane is full: it waits
      end
      unsuspect(id, name)
      if kept then enqueue(id, fields_of(kept), digits(tonumber(place))) end
    end
  end
end

-- A session is alone with a suspect, or waits to be, for a minute at most: whoever has run so long has not killed its worker
-- at once, and with one worker all others would wait. Then it takes other jobs for a while, whatever is suspected.
local ALONE, REST = 60000, 600000

local function rests(session)
  local rested = tonumber(redis.call('HGET', K.rest, session) or 0)
  if rested > now then return true end
  if rested > 0 then redis.call('HDEL', K.rest, session) end
  return false
end

local function stop_trying(session)
  redis.call('HDEL', K.trial, session)
  redis.call('HSET', K.rest, session, digits(now + REST))
  return false
end

-- Whether this session takes nothing else: it tries a suspect, or empties itself to.
local function tries_suspects(session, want, holds, others)
  if redis.call('EXISTS', K.suspects, K.trial) == 0 or rests(session) then return false end
  local is_busy, is_alone = holds > 0 or others > 0, holds == 0 and others == 0
  local does, since = string.match(redis.call('HGET', K.trial, session) or '', '^(%S+) (%d+)$')
  if does and is_busy and now - tonumber(since) > ALONE then return stop_trying(session) end
  if does == 'tries' and holds > 0 then return true end
  local name = want > 0 and suspected_name()
  if not name or (is_busy and not does and redis.call('HLEN', K.trial) > 0) then
    if does then redis.call('HDEL', K.trial, session) end
    return false
  end
  if is_alone or does ~= 'empties' then
    redis.call('HSET', K.trial, session, (is_alone and 'tries ' or 'empties ') .. digits(now))
  end
  if is_alone then
    local id, place = unpack(redis.call('ZRANGE', named('suspect', name), 0, 0, 'WITHSCORES'))
    local kept = redis.call('HGET', K.job, id)
    unsuspect(id, name)
    if kept and claim(id, kept, digits(tonumber(place)), name) then
      local lane = fields_of(kept)[Job.lane]
      if lane ~= '' then
        record(lane, 1)
        occupy(lane, {id})
      end
    end
  end
  return true
end

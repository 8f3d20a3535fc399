-- Handing: new jobs go at once to sessions that wait for some, which so need not ask for them. Such a job is claimed by the
-- last turn of its session, and told by mail; where that is lost, the next turn claims it again (`unheard`).
-- A session is handed jobs once between two turns: like one that is woken, it is idle again when its next turn says so.
-- needs: prelude, mail, runs, spoilt, turns
local MOST_HANDED, MOST_BYTES = 100, 65536 -- jobs, and bytes of them, that one session is handed
local may_hand -- whether jobs begin as usual; nil: nobody has looked yet

local function begin_as_usual()
  if may_hand == nil then may_hand = redis.call('EXISTS', K.suspects, K.trial, K.stopped) == 0 end
  return may_hand
end

-- How many jobs an idle session takes, by what it said in its last turn; 0 where that is too long ago: it may be gone.
local function takes(said)
  local places, latest = string.match(said, '^(%d+) (%d+)$')
  return latest and tonumber(latest) > now and math.min(tonumber(places), MOST_HANDED) or 0
end

-- The mail that tells a session of jobs, those from `first` to at most `last` of `jobs` (place, id, job as kept, each); what
-- `run` and `held` have of them then, and their ids.
local function told_of(session, number, name, jobs, first, last)
  local mails, runs, held, ids, bytes = {}, {}, {}, {}, 0
  local told, started = Mail.HANDED .. session .. ' ' .. number .. ' ', digits(now)
  for nth = first, last do
    local place, id, kept = unpack(jobs, 3 * nth - 2, 3 * nth)
    bytes = bytes + #kept
    if bytes > MOST_BYTES then break end
    append(mails, {id, told .. kept})
    append(runs, {id, run_of(session, number, started, 1, digits(place), name)})
    append(held, {0, id})
    ids[#ids + 1] = id
  end
  return mails, runs, held, ids
end

-- how many were handed
local function hand_to(session, name, jobs, first, last)
  local number, _, _, turn = last_turn(session)
  if not number then return 0 end
  local mails, runs, held, ids = told_of(session, number, name, jobs, first, last)
  if #ids == 0 then return 0 end
  local inbox = named('inbox', process_of(session))
  if not unless_spoilt(redis.pcall('XADD', inbox, 'NOMKSTREAM', '*', unpack(mails)), false) then return 0 end
  redis.call('HSET', K.run, unpack(runs))
  redis.call('ZADD', named('held', session), unpack(held))
  redis.call('HSET', K.turn, session, turn .. HANDED .. table.concat(ids, ' '))
  return #ids
end

-- Hands jobs of a name to idle sessions, each no more than its share; how many. The others that are idle are woken.
local function hand_out(name, jobs)
  local handed, count = 0, #jobs / 3
  local idle = take_idle(name, math.min(count, 1000))
  if #idle == 0 then return 0 end
  local share = count > 1 and math.ceil(count / math.max(1, redis.call('ZCARD', K.session))) or 1
  for _, found in ipairs(idle) do
    local session, said = unpack(found)
    local most = handed < count and begin_as_usual() and takes(said) or 0
    local last = math.min(count, handed + math.min(most, share))
    local more = last > handed and hand_to(session, name, jobs, handed + 1, last) or 0
    if more == 0 then wake_session(session) end
    handed = handed + more
  end
  return handed
end

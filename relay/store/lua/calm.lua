-- A turn that says nothing, of a session that holds nothing, while no job waits and nothing is due. That is what an idle
-- worker takes every second, so it is answered before the rest of the script is even read.
-- arguments: tag, epoch, session, number, lease, of_nothing (ms), terms, want, holds, others, passes, heard, then what else
--            a turn says
-- needs: prelude, turns
local says_nothing = #ARGV == ARG.REST + 2 and ARG.holds == '0' and ARG.passes == '0' and tonumber(ARG.want) > 0

-- ms until something is due, -1 for nothing in sight; nil where a job waits, or something is due now
local function calm_for()
  if redis.call('EXISTS', K.heads, K.suspects, K.trial) > 0 then return nil end
  local soonest = math.huge
  for _, key in ipairs({K.delay, K.deadline, K.shut}) do
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    soonest = math.min(soonest, tonumber(first or math.huge))
  end
  if soonest <= now then return nil end
  return soonest < math.huge and soonest - now or -1
end

local function take_calm_turn(roster)
  local lease, idle = tonumber(ARG.of_nothing), named('idle', roster)
  if tonumber(redis.call('ZSCORE', K.session, ARG.session) or 0) < now + lease / 2 then
    redis.call('ZADD', K.session, 'XX', digits(now + lease), ARG.session)
  end
  keep_turn(ARG.session, ARG.number, roster, {})
  say_idle(idle, ARG.session, ARG.want, ARG.heard)
end

if says_nothing then
  local number, roster, claimed = last_turn(ARG.session)
  local calm = number and tonumber(ARG.number) == number + 1 and claimed == '' and calm_for()
  if calm then
    take_calm_turn(roster)
    local how_far = tonumber(redis.call('GET', K.seq) or 0)
    return Turned{seq = how_far, more = 0, due = calm, refused = {}, claims = {}, alone = 0}
  end
end

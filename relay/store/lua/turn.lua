--!allow-oom
-- turn: a worker reports what has ended, keeps its lease, and takes new jobs, all at once.
-- arguments: tag, epoch, session, number, lease (ms), keep (ms), want, how many jobs it holds beyond those that end here,
--            count of queues, the queues,
--            count of ends, for each: id, turn that claimed it, state, payload, delay (ms)
--            count of progresses, for each: id, JSON
--            An end's state is an outcome's, or `scheduled` (try again after the delay), or `postponed` (the same, but
--            it was not the job's fault: the attempt does not count), or `queued` (given back).
-- answer:    {'OK', now, work left (0, 1), ms until something is due (-1: nothing), ids whose end was refused,
--             {id, job as kept, attempt, …}} · {'FENCED'}: no such session, its jobs may be another's by now ·
--            {'STALE'}: a later turn was taken already
-- The same number again changes nothing and answers with the same claims, less what has ended since.
--@include prelude
--@include mail
--@include settle
--@include places
--@include limit
--@include due
local session, number = ARGV[3], tonumber(ARGV[4])
local lease, keep, want, holds = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local cursor = 8
local function take(n)
  local first = cursor + 1
  cursor = cursor + n
  return unpack(ARGV, first, cursor)
end
local function take_list(width)
  local list = {}
  for i = 1, tonumber((take(1))) do list[i] = {take(width)} end
  return list
end

-- {id, kept, attempt, …} of the ids that this turn holds
local function claims_of(ids)
  local claims = {}
  if #ids == 0 then return claims end
  local jobs, runs = redis.call('HMGET', K.job, unpack(ids)), redis.call('HMGET', K.run, unpack(ids))
  local fence = session .. ' ' .. string.format('%.0f', number) .. ' '
  for i, id in ipairs(ids) do
    if jobs[i] and runs[i] and string.sub(runs[i], 1, #fence) == fence then
      claims[#claims + 1] = id
      claims[#claims + 1] = jobs[i]
      claims[#claims + 1] = tonumber(string.match(runs[i], '^%S+ %S+ %S+ (%S+)'))
    end
  end
  return claims
end

if not redis.call('ZSCORE', K.session, session) then return {'FENCED'} end
redis.call('ZADD', K.session, 'XX', string.format('%.0f', now + lease), session)
local last = redis.call('HGET', K.turn, session)
local last_number = tonumber(string.match(last, '^%d+'))
if number < last_number then return {'STALE'} end
if number == last_number then
  local ids = {}
  for id in string.gmatch(last, ' (%S+)') do ids[#ids + 1] = id end
  return {'OK', now, 1, -1, {}, claims_of(ids)}
end

-- 1. what has ended
local refused, runs, kepts = {}, {}, {}
local function look_up(ends)
  local ids = {}
  for i, ended in ipairs(ends) do ids[i] = ended[1] end
  each_slice(ids, 2000, function(...)
    local found, jobs = redis.call('HMGET', K.run, ...), redis.call('HMGET', K.job, ...)
    for i, id in ipairs({...}) do runs[id], kepts[id] = found[i], jobs[i] end
  end)
end

local function finish(id, turn, state, payload, delay)
  local run, kept = runs[id], kepts[id]
  runs[id] = nil
  local fence = session .. ' ' .. turn .. ' '
  if not (run and kept and string.sub(run, 1, #fence) == fence) then
    refused[#refused + 1] = id
    return
  end
  local started, attempt, old_score = string.match(run, '^%S+ %S+ (%S+) (%S+) (%S+)$')
  if state ~= 'scheduled' and state ~= 'postponed' and state ~= 'queued' then
    if state == 'failed' and fields_of(kept)[ATTEMPTS] > 1 then bury(id, kept, payload) end
    settle(id, kept, state, payload, tonumber(attempt), tonumber(started))
    return
  end
  redis.call('HDEL', K.run, id)
  local latest = deadline_of(kept)
  if latest > 0 then redis.call('ZADD', K.deadline, string.format('%.0f', latest), id) end
  if state == 'scheduled' then redis.call('HINCRBY', K.tries, id, 1) end
  if state ~= 'queued' then
    redis.call('ZADD', K.delay, string.format('%.0f', now + tonumber(delay)), id)
  else
    local job = fields_of(kept)
    enqueue(id, job, old_score)
    wake(job[QUEUE], 1)
  end
end

local queues = take_list(1)
local ends = take_list(5)
look_up(ends)
for _, ended in ipairs(ends) do finish(unpack(ended)) end
for _, said in ipairs(take_list(2)) do
  local run = redis.call('HGET', K.run, said[1])
  if run and string.sub(run, 1, #session + 1) == session .. ' ' then
    redis.call('HSET', K.progress, said[1], said[2])
  end
end
promote()
expire()
write_settled(keep)

-- 2. what to do next: a fair share of each queue, the first queue another one each turn. Jobs that are suspected of
--    killing their workers come first, but one at a time and alone, so that what dies with them is their doing: in a
--    session that holds nothing, and while there is none, in one that takes nothing new until it does.
local sessions = redis.call('ZCARD', K.session)
local taken, fences, left = {}, {}, 0
local function take_from(key, n)
  if n < 1 then return end
  local popped = redis.call('ZPOPMIN', key, n)
  for i = 1, #popped, 2 do
    taken[#taken + 1] = popped[i]
    fences[#fences + 1] = popped[i + 1]
  end
end

local function suspected_queue()
  for _, queue in ipairs(queues) do
    if redis.call('EXISTS', named('suspect', queue[1])) == 1 then return queue[1] end
  end
end

-- whether this session takes nothing else: it tries a suspect, or empties itself to
local function tries_suspects()
  local does = redis.call('HGET', K.trial, session)
  if does == 'tries' and holds > 0 then return true end
  local queue = want > 0 and suspected_queue()
  if not queue or (holds > 0 and not does and redis.call('HLEN', K.trial) > 0) then
    if does then redis.call('HDEL', K.trial, session) end
    return false
  end
  redis.call('HSET', K.trial, session, holds > 0 and 'empties' or 'tries')
  if holds == 0 then take_from(named('suspect', queue), 1) end
  return true
end

-- what the limits of a queue's lanes let go
local function claim_limited(queue)
  local lanes = named('lanes', queue)
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', lanes, '-inf', string.format('%.0f', now), 'LIMIT', 0, 100)) do
    local key = named('lane', queue .. ':' .. lane)
    local waiting, room, at = redis.call('ZCARD', key), room_of(lane)
    local n = math.min(waiting, room or waiting, want - #taken)
    take_from(key, n)
    record(lane, n)
    if n == waiting then
      redis.call('ZREM', lanes, lane)
    elseif room and n == room then
      if n > 0 then room, at = room_of(lane) end
      redis.call('ZADD', lanes, string.format('%.0f', at), lane)
    else
      left = left + waiting - n
    end
  end
end

local function claim(queue)
  local waiting = redis.call('ZCARD', named('ready', queue))
  local share = math.min(want - #taken, math.ceil(waiting / sessions))
  take_from(named('ready', queue), share)
  left = left + waiting - math.max(0, share)
end
local trying = tries_suspects()
if not trying then
  for i = 1, #queues do
    local queue = queues[(number + i) % #queues + 1][1]
    claim_limited(queue)
    claim(queue)
  end
end

if #taken > 0 then
  local tries, runs = redis.call('HMGET', K.tries, unpack(taken)), {}
  for i, id in ipairs(taken) do
    runs[#runs + 1] = id
    runs[#runs + 1] = string.format('%s %.0f %.0f %.0f %.0f',
      session, number, now, tonumber(tries[i] or 0) + 1, tonumber(fences[i]))
  end
  each_slice(runs, 2000, function(...) redis.call('HSET', K.run, ...) end)
  redis.call('ZREM', K.deadline, unpack(taken))
end
redis.call('HSET', K.turn, session, table.concat({string.format('%.0f', number), unpack(taken)}, ' '))

-- 3. who else should look: this session when it has places left, else one that is idle
for _, queue in ipairs(queues) do
  if #taken < want and left == 0 and not trying then
    redis.call('HSET', named('idle', queue[1]), session, want - #taken)
  else
    redis.call('HDEL', named('idle', queue[1]), session)
    if left > 0 then wake(queue[1], 1) end
  end
end
send_mail()
-- milliseconds until something becomes due, or a lane lets something go; -1 for nothing in sight
local function next_look()
  local soonest = next_due()
  for _, queue in ipairs(queues) do
    local at = tonumber(redis.call('ZRANGE', named('lanes', queue[1]), 0, 0, 'WITHSCORES')[2])
    if at and at > now and (soonest < 0 or at - now < soonest) then soonest = at - now end
  end
  return soonest
end
return {'OK', now, left > 0 and 1 or 0, next_look(), refused, claims_of(taken)}

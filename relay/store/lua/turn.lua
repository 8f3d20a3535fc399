--!allow-oom
-- turn: a worker reports what has ended, keeps its lease, and takes new jobs, all at once.
-- arguments: tag, epoch, session, number, lease (ms), terms, want, how many jobs it holds beyond those that end here,
--            count of ends (at most 100), for each: id, turn that claimed it, state, payload, delay (ms)
--            count of progresses, for each: id, JSON
--            count of checkpoints, for each: id, turn that claimed it, JSON
--            An end's state is an outcome's, or `dead` (failed for good, and kept as a dead letter), or
--            `undone` (failed, and nothing was done: its key is free again), or `scheduled` (try
--            again after the delay), or `postponed` (the same, but it was not the job's fault: the attempt does not
--            count), or `queued` (given back).
-- answer:    {'OK', now, seq, work left (0, 1), ms until something is due (-1: nothing), ids whose end was refused,
--             {id, job as kept, attempt, starts, started (ms), checkpoint or '', …}, 1 if it takes nothing beside a suspected job, or to
--             try one} · {'FENCED'}: no such session, its jobs may be
--             another's by now · {'STALE'}: a later turn was taken already
-- The same number again changes nothing and answers with the same claims, less what has ended since.
--@include prelude
--@include writes
--@include mail
--@include places
--@include busy
--@include kept
--@include letters
--@include times
--@include settle
--@include deaths
--@include limit
--@include due
--@include ends
--@include lines
--@include claims
--@include line_ends
--@include suspects
local session, number = ARGV[3], tonumber(ARGV[4])
local lease, want, holds = tonumber(ARGV[5]), math.min(tonumber(ARGV[7]), MOST_CLAIMS), tonumber(ARGV[8])
read_terms(ARGV[6])

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

-- how often each of these was started before: attempts, and starts that counted as none; and what they left to go on from
local function starts_before(ids)
  if redis.call('EXISTS', K.tries, K.uncounted) == 0 then return {}, {}, {} end
  return redis.call('HMGET', K.tries, unpack(ids)), redis.call('HMGET', K.uncounted, unpack(ids)),
    redis.call('HMGET', K.checkpoint, unpack(ids))
end

-- the claims of a turn that is taken again, of the ids that it still holds
local function claims_again(ids)
  local rows = {}
  if #ids == 0 then return rows end
  local jobs, runs = redis.call('HMGET', K.job, unpack(ids)), redis.call('HMGET', K.run, unpack(ids))
  local _, more, left = starts_before(ids)
  local fence = session .. ' ' .. digits(number) .. ' '
  for i, id in ipairs(ids) do
    if jobs[i] and runs[i] and string.sub(runs[i], 1, #fence) == fence then
      local started, attempt = string.match(runs[i], '^%S+ %S+ (%S+) (%S+)')
      local starts = tonumber(attempt) + tonumber(more[i] or 0)
      local row = {id, jobs[i], tonumber(attempt), starts, tonumber(started), left[i] or ''}
      for _, value in ipairs(row) do rows[#rows + 1] = value end
    end
  end
  return rows
end

-- what was claimed now belongs to this session
local function begin()
  local rows, ids, runs, held = {}, {}, {}, {}
  if #claims == 0 then return rows, ids end
  for i, taken in ipairs(claims) do ids[i] = taken[1] end
  local tries, more, left = starts_before(ids)
  for i, taken in ipairs(claims) do
    local id, kept, place = unpack(taken)
    local attempt = tonumber(tries[i] or 0) + 1
    runs[#runs + 1] = id
    runs[#runs + 1] = string.format('%s %.0f %.0f %.0f %s', session, number, now, attempt, place)
    held[#held + 1] = 0
    held[#held + 1] = id
    local row = {id, kept, attempt, attempt + tonumber(more[i] or 0), now, left[i] or ''}
    for _, value in ipairs(row) do rows[#rows + 1] = value end
  end
  redis.call('HSET', K.run, unpack(runs))
  redis.call('ZADD', named('held', session), unpack(held))
  if is_timed then redis.call('ZREM', K.deadline, unpack(ids)) end
  return rows, ids
end

local last = redis.call('HGET', K.turn, session)
if not last then return {'FENCED'} end
redis.call('ZADD', K.session, 'XX', digits(now + lease), session)
local last_number, roster, last_claims = string.match(last, '^(%d+) (%S+)(.*)$')
last_number = tonumber(last_number)
if number < last_number then return {'STALE'} end
if number == last_number then
  local ids = {}
  for id in string.gmatch(last_claims, '%S+') do ids[#ids + 1] = id end
  return {'OK', now, seq, 1, -1, {}, claims_again(ids), 0}
end

-- 1. what has ended, after what it has left to go on from
local ends, progress = take_list(5), take_list(2)
for _, said in ipairs(take_list(3)) do
  local id, claimed, checkpoint = unpack(said)
  local run, fence = redis.call('HGET', K.run, id), session .. ' ' .. claimed .. ' '
  if run and string.sub(run, 1, #fence) == fence then
    weigh(#checkpoint - redis.call('HSTRLEN', K.checkpoint, id))
    redis.call('HSET', K.checkpoint, id, checkpoint)
  end
end
end_attempts(session, ends)
for _, said in ipairs(progress) do
  local run = redis.call('HGET', K.run, said[1])
  if run and string.sub(run, 1, #session + 1) == session .. ' ' then
    redis.call('HSET', K.progress, said[1], said[2])
  end
end
promote()
expire()
write_settled()
if #let_go > 0 then redis.call('ZREM', named('held', session), unpack(let_go)) end

-- 2. what to do next: a fair share of what waits
-- A session serves a name if its declaration of it is the one that counts. (Before any was published, each does.)
local names = nil
local function serves(name)
  names = names or redis.call('HGET', K.roster, session)
  if not names then -- somebody took it away: the next turn is fenced, and the worker says it again
    redis.call('HDEL', K.turn, session)
    return false
  end
  if not string.find(names, ' ' .. name .. '=', 1, true) then return false end
  local mark = string.match(redis.call('HGET', K.declared, name) or '', '^%S+')
  return not mark or string.find(names, ' ' .. name .. '=' .. mark .. ' ', 1, true)
end
reopen_lanes()
local trying, left = tries_suspects(session, want, holds, serves), nil
if not trying and want > 0 then
  left = claim_some(want, serves)
  settle_lines()
end
local rows, taken = begin()
write_settled() -- what turned out to be late
if names ~= false then
  redis.call('HSET', K.turn, session, table.concat({digits(number), roster, unpack(taken)}, ' '))
end

-- 3. who else should look: this session when it has places left, else one that is idle
local idle = named('idle', roster)
if #taken < want and not left and not trying then
  redis.call('HSET', idle, session, want - #taken)
else
  redis.call('HDEL', idle, session)
  if left then wake(left, 1) end
end
send_mail()
return {'OK', now, seq, left and 1 or 0, next_due(K.shut), refused, rows, trying and 1 or 0}

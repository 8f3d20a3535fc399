--!allow-oom
-- adopt: opens a session: a live worker goes on under it with what it runs, or has ended and could not say.
-- arguments: tag, epoch, old session ('' for none), new session, turn number, lease (ms), terms, whether this is the last
--            part (1) of what it holds, its roster (a digest), count of names that it serves, each as `name=mark` (of its declaration),
--            for each job: id, attempt, started (ms), job as kept; at most 50 jobs a call
-- answer:    {'OK', now, seq, ids that it may go on with}: those that nobody else holds and that have not ended. What
--            Redis forgot is registered again. With the last part what the old session held beyond them goes back.
-- Sent again it answers the same.
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
--@include release
local old, session, number = ARGV[3], ARGV[4], ARGV[5]
local lease, is_last, roster, count = tonumber(ARGV[6]), ARGV[8] == '1', ARGV[9], tonumber(ARGV[10])
local first = 11 + count
read_terms(ARGV[7])

local function is_free(id, kept, run)
  if not run then return kept or redis.call('EXISTS', named('result', id)) == 0 end
  local holder = string.match(run, '^%S+')
  return holder == old or holder == session
end

-- where it waited, or was taken from
local function place_of_claim(id, job, run)
  return run and string.match(run, '^%S+ %S+ %S+ %S+ (%S+)') or redis.call('ZSCORE', line_of(job[NAME], job[LANE]), id)
    or redis.call('ZSCORE', named('suspect', job[NAME]), id) or score(job[PRIORITY], reserve(1) + 1)
end

local function take(id, attempt, started, kept)
  local known, run = redis.call('HGET', K.job, id), redis.call('HGET', K.run, id)
  local was_given_back = to_blame(old) ~= id and forgive(id, old) -- for our death, which was none
  if not is_free(id, known, run) then return false end
  local job = fields_of(kept)
  if not known then
    redis.call('HSET', K.job, id, kept)
    weigh(#kept)
    if job[KEY] ~= '' then
      redis.call('SET', named('idem', job[KEY]), id .. ' ' .. job[FINGERPRINT], 'NX')
    end
  end
  local place = place_of_claim(id, job, run)
  if was_given_back then redis.call('HINCRBY', K.tries, id, -1) end
  dequeue(id, job)
  redis.call('HSET', K.run, id, string.format('%s %s %s %s %.0f', session, number, started, attempt, place))
  if most_of(job[LANE]) then redis.call('ZADD', named('busy', job[LANE]), 0, id) end
  redis.call('ZREM', named('held', old), id)
  redis.call('ZADD', named('held', session), 0, id)
  if redis.call('HEXISTS', K.cancel, id) == 1 then post(process_of(session), id, 'c') end
  return true
end

local names = {}
for i = 11, 10 + count do
  names[#names + 1] = ARGV[i]
  local name, mark = string.match(ARGV[i], '^([^=]+)=(.*)$')
  local counts = string.match(redis.call('HGET', K.declared, name) or '', '^%S+')
  if counts == mark or not counts then
    redis.call('ZADD', named('takers', name), 'GT', digits(now + lease), roster)
    redis.call('PEXPIRE', named('takers', name), 86400000)
  end
end
redis.call('ZADD', K.session, digits(now + lease), session)
redis.call('HSET', K.turn, session, number .. ' ' .. roster)
redis.call('HSET', K.roster, session, ' ' .. table.concat(names, ' ') .. ' ')
local does = redis.call('HGET', K.trial, old)
if does then redis.call('HSET', K.trial, session, does) end
local taken = {}
for i = first, #ARGV, 4 do
  if take(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) then taken[#taken + 1] = ARGV[i] end
end
if is_last then
  close_session(old, false)
  release(old)
end
write_settled()
send_mail()
return {'OK', now, seq, unpack(taken)}

--!allow-oom
-- adopt: a live worker goes on under a new session with what it runs, or has ended and could not say.
-- arguments: tag, epoch, old session, new session, turn number, lease (ms), keep (ms), count of queues, the queues,
--            for each job: id, attempt, job as kept
-- answer:    {'OK', now, ids that it may go on with}: those that nobody else holds and that have not ended. What
--            Redis forgot is registered again. What the old session held beyond them goes back to its place.
-- Sent again it answers the same.
--@include prelude
--@include mail
--@include settle
--@include places
--@include deaths
--@include release
local old, session, number = ARGV[3], ARGV[4], ARGV[5]
local lease, keep, count = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local first = 9 + count

local function is_free(id, kept)
  local run = redis.call('HGET', K.run, id)
  if not run then return kept or redis.call('EXISTS', named('result', id)) == 0 end
  local holder = string.match(run, '^%S+')
  return holder == old or holder == session
end

local function take(id, attempt, kept)
  local known = redis.call('HGET', K.job, id)
  local was_given_back = forgive(id, {[old] = true}) -- for our death, which was none
  if not is_free(id, known) then return false end
  local job = fields_of(kept)
  if not known then
    redis.call('HSET', K.job, id, kept)
    if job[KEY] ~= '' then
      redis.call('SET', named('idem', job[KEY]), id .. ' ' .. job[FINGERPRINT], 'NX')
    end
  end
  local run = redis.call('HGET', K.run, id)
  if was_given_back then redis.call('HINCRBY', K.tries, id, -1) end
  local place = run and string.match(run, '%S+$') or redis.call('ZSCORE', place_key(job), id)
    or redis.call('ZSCORE', named('suspect', job[QUEUE]), id) or score(job[PRIORITY], reserve(1) + 1)
  dequeue(id, job)
  redis.call('HSET', K.run, id, string.format('%s %s %.0f %s %.0f', session, number, now, attempt, place))
  return true
end

local does = redis.call('HGET', K.trial, old)
if does then redis.call('HSET', K.trial, session, does) end
local taken = {}
for i = first, #ARGV, 3 do
  if take(ARGV[i], ARGV[i + 1], ARGV[i + 2]) then taken[#taken + 1] = ARGV[i] end
end
release(function(other) return other == old end, false)
redis.call('ZADD', K.session, string.format('%.0f', now + lease), session)
redis.call('HSET', K.turn, session, number)
for i = 9, 8 + count do redis.call('SADD', K.queues, ARGV[i]) end
write_settled(keep)
send_mail()
return {'OK', now, unpack(taken)}

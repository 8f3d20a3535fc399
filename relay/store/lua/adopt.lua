--!allow-oom
-- adopt: opens a session: a live worker goes on under it with what it runs, or has ended and could not say.
-- arguments: tag, epoch, old (session, '' for none), session (the new one), number (of its turn), lease (ms), terms,
--            is_last (1: this is the last part of what it holds), roster (a digest), count (of names that it serves), then
--            each of these as `name=mark` (of its declaration), then for each job a row of `Held`; at most 50 jobs a call
-- answer:    {'OK', now, seq, ids that it may go on with}: those that nobody else holds and that have not ended. What
--            Redis forgot is registered again. With the last part what the old session held beyond them goes back.
-- Sent again it answers the same.
-- needs: prelude, writes, jobs, alive, busy, children, deaths, history, letters, lists, mail, news, places, release, restore,
--        runs, settle, turns
local old, session = ARG.old, ARG.session
local lease, roster, count = tonumber(ARG.lease), ARG.roster, tonumber(ARG.count)
read_terms(ARG.terms)

local function is_free(id, kept, run)
  if not run and kept then return redis.call('HEXISTS', K.ending, id) == 0 end
  if not run then return redis.call('EXISTS', named('result', id)) == 0 end
  local holder = read_run(run)
  return holder == old or holder == session
end

-- where it waited, or was taken from
local function place_of_claim(id, job, run)
  local name, place = job[Job.name], nil
  if run then place = select(4, read_run(run)) end
  return place or redis.call('ZSCORE', line_of(name, job[Job.lane]), id)
    or redis.call('ZSCORE', named('suspect', name), id) or score(job[Job.priority], reserve(1) + 1)
end

local function take(row)
  local id, kept = row[Held.id], row[Held.kept]
  local known, run = redis.call('HGET', K.job, id), redis.call('HGET', K.run, id)
  local was_given_back = to_blame(old) ~= id and forgive(id, old) -- for our death, which was none
  if not is_free(id, known, run) then return false end
  local job = fields_of(kept)
  if not known then restore(row, job) end
  local place = digits(tonumber(place_of_claim(id, job, run)))
  if was_given_back then
    redis.call('HINCRBY', K.tries, id, -1)
    take_back_death(id, old)
  end
  dequeue(id, job)
  redis.call('HSET', K.run, id, run_of(session, ARG.number, row[Held.started], row[Held.attempt], place, job[Job.name]))
  if most_of(job[Job.lane]) then redis.call('ZADD', named('busy', job[Job.lane]), 0, id) end
  redis.call('ZREM', named('held', old), id)
  redis.call('ZADD', named('held', session), 0, id)
  if redis.call('HEXISTS', K.cancel, id) == 1 then post(process_of(session), id, Mail.CANCEL) end
  have_changed({id})
  return true
end

local words = {}
for at = ARG.REST, ARG.REST + count - 1 do
  words[#words + 1] = ARGV[at]
  local name, mark = string.match(ARGV[at], '^([^=]+)=(.*)$')
  local counts = string.match(redis.call('HGET', K.declared, name) or '', '^%S+')
  if counts == mark or not counts then
    redis.call('ZADD', named('takers', name), 'GT', digits(now + lease), roster)
    redis.call('PEXPIRE', named('takers', name), 86400000)
  end
end
redis.call('ZADD', K.session, digits(now + lease), session)
keep_turn(session, ARG.number, roster, {})
redis.call('HSET', K.roster, session, ' ' .. table.concat(words, ' ') .. ' ')
local does = redis.call('HGET', K.trial, old)
if does then redis.call('HSET', K.trial, session, does) end
local taken = {}
for at = ARG.REST + count, #ARGV, Held.COUNT do
  local row = row_at(at, Held.COUNT)
  if take(row) then taken[#taken + 1] = row[Held.id] end
end
if ARG.is_last == '1' then
  close_session(old, false)
  release(old)
end
write_settled()
write_children()
write_alive()
send_news()
return {'OK', now, seq, unpack(taken)}

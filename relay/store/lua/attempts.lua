-- Attempts: jobs that were claimed begin to run.
-- needs: prelude, claims, listeners, news, runs, times, turns

-- how often each of these was started before: attempts, and starts that counted as none; and what they left to go on from
local function starts_before(ids)
  if redis.call('EXISTS', K.tries, K.uncounted, K.listen) == 0 then
    nobody_listens()
    return {}, {}, {}
  end
  return redis.call('HMGET', K.tries, unpack(ids)), redis.call('HMGET', K.uncounted, unpack(ids)),
    redis.call('HMGET', K.checkpoint, unpack(ids))
end

-- The claims of a turn that is taken again, of the ids (after spaces) that it still holds.
local function claims_again(session, turn, claimed)
  local rows, ids = {}, {}
  for id in string.gmatch(claimed, '%S+') do ids[#ids + 1] = id end
  if #ids == 0 then return rows end
  local jobs, runs = redis.call('HMGET', K.job, unpack(ids)), redis.call('HMGET', K.run, unpack(ids))
  local _, more, left = starts_before(ids)
  for i, id in ipairs(ids) do
    if jobs[i] and is_fenced(runs[i], session, turn) then
      local _, started, attempt = read_run(runs[i])
      local starts = attempt + tonumber(more[i] or 0)
      append(rows, Claim{
        id = id, kept = jobs[i], attempt = attempt, starts = starts, started = started, checkpoint = left[i] or ''})
    end
  end
  return rows
end

-- What was claimed in this script belongs to this session: rows of claims, and their ids.
local function begin(session, turn)
  local rows, ids, runs, held = {}, {}, {}, {}
  if #claims == 0 then return rows, ids end
  for i, taken in ipairs(claims) do ids[i] = taken[1] end
  local tries, more, left = starts_before(ids)
  local started = digits(now)
  for i, taken in ipairs(claims) do
    local id, kept, place, name = unpack(taken)
    local attempt = tonumber(tries[i] or 0) + 1
    local starts = attempt + tonumber(more[i] or 0)
    runs[#runs + 1] = id
    runs[#runs + 1] = run_of(session, turn, started, attempt, place, name)
    held[#held + 1] = 0
    held[#held + 1] = id
    append(rows, Claim{
      id = id, kept = kept, attempt = attempt, starts = starts, started = now, checkpoint = left[i] or ''})
  end
  redis.call('HSET', K.run, unpack(runs))
  redis.call('ZADD', named('held', session), unpack(held))
  if is_timed then redis.call('ZREM', K.deadline, unpack(ids)) end
  have_changed(ids)
  return rows, ids
end

-- Jobs that a session was handed after its turn `last`, if it has heard of fewer: what `claims` has of those that it holds.
local function unheard(session, last, claimed, heard)
  local rows, ids, _, behind = {}, {}, string.find(claimed, HANDED, 1, true)
  if not behind then return rows end
  for id in string.gmatch(string.sub(claimed, behind + 1), '%S+') do ids[#ids + 1] = id end
  if #ids <= heard then return rows end
  local jobs, runs = redis.call('HMGET', K.job, unpack(ids)), redis.call('HMGET', K.run, unpack(ids))
  for i, id in ipairs(ids) do
    if jobs[i] and is_fenced(runs[i], session, last) then
      rows[#rows + 1] = {id, jobs[i], select(4, read_run(runs[i])), name_of_run(runs[i])}
    end
  end
  return rows
end

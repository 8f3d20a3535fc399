-- What time brings: delayed jobs become ready, jobs past their deadline expire. At most 500 of each a call.
-- needs: writes, mail, times, settle, places
local MOST_DUE = 500
is_timed = redis.call('EXISTS', K.delay, K.deadline, K.shut) > 0

local function due(key)
  if not is_timed then return {} end
  return redis.call('ZRANGEBYSCORE', key, '-inf', digits(now), 'LIMIT', 0, MOST_DUE)
end

local function promote()
  local ids = due(K.delay)
  if #ids == 0 then return end
  local jobs = redis.call('HMGET', K.job, unpack(ids))
  redis.call('ZREM', K.delay, unpack(ids))
  local place = reserve(#ids)
  for i, id in ipairs(ids) do
    if jobs[i] then
      local job = fields_of(jobs[i])
      enqueue(id, job, score(job[PRIORITY], place + i))
      wake(job[NAME], 1)
    end
  end
end

local function expire()
  local ids = due(K.deadline)
  if #ids == 0 then return end
  local jobs, tries = redis.call('HMGET', K.job, unpack(ids)), redis.call('HMGET', K.tries, unpack(ids))
  redis.call('ZREM', K.deadline, unpack(ids))
  for i, id in ipairs(ids) do
    if jobs[i] then
      dequeue(id, fields_of(jobs[i]))
      settle(id, jobs[i], 'expired', '', tonumber(tries[i] or 0), 0)
    end
  end
end

-- milliseconds until something becomes due, -1 for nothing in sight
local function next_due(...)
  local soonest = nil
  for _, key in ipairs(is_timed and {K.delay, K.deadline, ...} or {}) do
    local first = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    if first and (not soonest or first < soonest) then soonest = first end
  end
  return soonest and math.max(0, soonest - now) or -1
end

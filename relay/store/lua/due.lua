-- What time brings: delayed jobs become ready, jobs past their deadline expire. At most 100 of each a call.
-- needs: prelude, mail, settle, places
local function due(key)
  if redis.call('EXISTS', key) == 0 then return {} end
  return redis.call('ZRANGEBYSCORE', key, '-inf', string.format('%.0f', now), 'LIMIT', 0, 100)
end

local function promote()
  local ids = due(K.delay)
  if #ids == 0 then return end
  redis.call('ZREM', K.delay, unpack(ids))
  local jobs, seq, added = redis.call('HMGET', K.job, unpack(ids)), reserve(#ids), {}
  for i, id in ipairs(ids) do
    if jobs[i] then
      local job = fields_of(jobs[i])
      enqueue(id, job, score(job[PRIORITY], seq + i))
      added[job[QUEUE]] = (added[job[QUEUE]] or 0) + 1
    end
  end
  for queue, n in pairs(added) do wake(queue, n) end
end

local function expire()
  local ids = due(K.deadline)
  if #ids == 0 then return end
  redis.call('ZREM', K.deadline, unpack(ids))
  local jobs, tries = redis.call('HMGET', K.job, unpack(ids)), redis.call('HMGET', K.tries, unpack(ids))
  for i, id in ipairs(ids) do
    if jobs[i] then
      dequeue(id, fields_of(jobs[i]))
      settle(id, jobs[i], 'expired', '', tonumber(tries[i] or 0), 0)
    end
  end
end

-- milliseconds until something becomes due, -1 for nothing in sight
local function next_due()
  local soonest = nil
  for _, key in ipairs({K.delay, K.deadline}) do
    local first = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    if first and (not soonest or first < soonest) then soonest = first end
  end
  return soonest and math.max(0, soonest - now) or -1
end

-- What time brings: delayed jobs become ready, jobs past their deadline expire. At most 50 of each a script.
-- needs: prelude, writes, jobs, fair, mail, places, portions, settle, times
local MOST_DUE = 50
is_timed = redis.call('EXISTS', K.delay, K.deadline, K.shut) > 0

local function due(key)
  if not is_timed then return {} end
  return redis.call('ZRANGEBYSCORE', key, '-inf', digits(now), 'LIMIT', 0, MOST_DUE)
end

local function promote()
  local ids = due(K.delay)
  if #ids == 0 then return end
  local place = reserve(#ids)
  local reached = each_job(ids, function(id, kept, nth)
    if not kept then return end
    local job = fields_of(kept)
    count_later(job[Job.name], -1)
    local name, lane, priority, at = job[Job.name], job[Job.lane], job[Job.priority], score(job[Job.priority], place + nth)
    if job[Job.fair] then
      at = place_in_turn(name, lane, priority, job[Job.owner], at)
    else
      open_round(name, lane, priority, at)
    end
    enqueue(id, job, at)
    wake(name, 1)
  end)
  if reached > 0 then redis.call('ZREM', K.delay, unpack(ids, 1, reached)) end
  if redis.call('EXISTS', K.delay) == 0 then redis.call('DEL', K.later) end -- whatever an earlier version did not count
  write_turns()
end

local function expire()
  local ids = due(K.deadline)
  if #ids == 0 then return end
  local tries = redis.call('HMGET', K.tries, unpack(ids))
  local reached = each_job(ids, function(id, kept, nth)
    if not kept then return end
    dequeue(id, fields_of(kept))
    settle(id, kept, 'expired', '', tonumber(tries[nth] or 0), 0)
  end)
  if reached > 0 then redis.call('ZREM', K.deadline, unpack(ids, 1, reached)) end
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

-- How attempts ended, as their worker reports it: only the holder of an attempt (the fence) can end it.
-- needs: writes, mail, letters, times, settle, places, busy, deaths
local refused, let_go = {}, {}

local function put_back(id, kept, state, delay, place)
  local job = fields_of(kept)
  redis.call('HDEL', K.run, id)
  vacate(id, job)
  local latest = deadline_of(kept)
  if latest > 0 then at_time(K.deadline, latest, id) end
  redis.call('HINCRBY', state == 'scheduled' and K.tries or K.uncounted, id, 1)
  if state ~= 'queued' then
    at_time(K.delay, now + delay, id)
  else
    enqueue(id, job, place)
    wake(job[NAME], 1)
  end
end

local function end_attempt(id, run, kept, state, payload, delay)
  local started, attempt, place = string.match(run, '^%S+ %S+ (%S+) (%S+) (%S+)')
  local goes_on = state == 'scheduled' or state == 'postponed' or state == 'queued'
  if goes_on and redis.call('HEXISTS', K.cancel, id) == 1 then
    settle(id, kept, 'cancelled', '', tonumber(attempt), tonumber(started))
  elseif goes_on then
    put_back(id, kept, state, tonumber(delay), place)
  else
    if state == 'undone' then
      local key = fields_of(kept)[KEY]
      if key ~= '' then redis.call('DEL', named('idem', key)) end
      state = 'failed'
    end
    if state == 'dead' or (state == 'failed' and fields_of(kept)[ATTEMPTS] > 1) then
      state = 'failed'
      bury(id, kept, payload, table.concat(deaths_of(id), ' '))
    end
    settle(id, kept, state, payload, tonumber(attempt), tonumber(started))
  end
end

-- ends: {id, turn that claimed it, state, payload, delay}, at most 100
local function end_attempts(session, ends)
  if #ends == 0 then return end
  local ids, done = {}, {}
  for i, ended in ipairs(ends) do ids[i] = ended[1] end
  local runs, jobs = redis.call('HMGET', K.run, unpack(ids)), redis.call('HMGET', K.job, unpack(ids))
  for i, ended in ipairs(ends) do
    local id, turn, state, payload, delay = unpack(ended)
    local fence = session .. ' ' .. turn .. ' '
    if not done[id] and runs[i] and jobs[i] and string.sub(runs[i], 1, #fence) == fence then
      done[id], let_go[#let_go + 1] = true, id
      end_attempt(id, runs[i], jobs[i], state, payload, delay)
    else
      refused[#refused + 1] = id
    end
  end
end

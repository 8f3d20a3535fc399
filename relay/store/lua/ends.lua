-- How attempts ended, as their worker reports it: only the holder of an attempt (the fence) can end it.
-- needs: prelude, jobs, busy, deaths, history, letters, mail, news, places, runs, settle, slugs, times
local refused, let_go = {}, {}

local HOW = {scheduled = How.RETRIED, postponed = How.POSTPONED, queued = How.GIVEN_BACK}

local function put_back(row, kept, session, started, attempt, place)
  local id, state, job = row[Report.id], row[Report.state], fields_of(kept)
  keep_attempt(id, attempt_row(HOW[state], row[Report.problem], session, attempt, started))
  redis.call('HDEL', K.run, id)
  vacate(id, job)
  local latest = deadline_of(kept)
  if latest > 0 then at_time(K.deadline, latest, id) end
  redis.call('HINCRBY', state == 'scheduled' and K.tries or K.uncounted, id, 1)
  have_changed({id})
  if state ~= 'queued' then
    put_off(id, job[Job.name], now + tonumber(row[Report.delay]))
  else
    if #deaths_of(id) >= SUSPECT then suspect(id, job[Job.name], place) else enqueue(id, job, place) end
    wake(job[Job.name], 1)
  end
end

local function end_attempt(row, kept, session, started, attempt, place)
  local id, state, payload = row[Report.id], row[Report.state], row[Report.payload]
  local goes_on = state == 'scheduled' or state == 'postponed' or state == 'queued'
  if goes_on and redis.call('HEXISTS', K.cancel, id) == 1 then
    settle(id, kept, 'cancelled', '', attempt, started, session)
  elseif goes_on then
    put_back(row, kept, session, started, attempt, place)
  else
    if state == 'undone' then
      local key = fields_of(kept)[Job.key]
      if key ~= '' then redis.call('DEL', named('idem', key)) end
      state = 'failed'
    end
    if state == 'dead' or (state == 'failed' and fields_of(kept)[Job.attempts] > 1) then
      state = 'failed'
      bury(id, kept, payload, table.concat(deaths_of(id), ' '),
        attempt_row(state, slug_of(payload), session, attempt, started))
    end
    settle(id, kept, state, payload, attempt, started, session)
  end
end

-- of rows of `End`, at most 100
local function end_attempts(session, rows)
  if #rows == 0 then return end
  local ids, done = {}, {}
  for i, row in ipairs(rows) do ids[i] = row[Report.id] end
  local runs, jobs = redis.call('HMGET', K.run, unpack(ids)), redis.call('HMGET', K.job, unpack(ids))
  for i, row in ipairs(rows) do
    local id, holder, started, attempt, place, turn = row[Report.id], read_run(runs[i] or '')
    if not done[id] and jobs[i] and holder == session and turn == row[Report.turn] then
      done[id], let_go[#let_go + 1] = true, id
      end_attempt(row, jobs[i], session, started, attempt, place)
    else
      refused[#refused + 1] = id
    end
  end
end

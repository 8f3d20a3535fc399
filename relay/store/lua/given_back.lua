-- What becomes of jobs whose session was closed: they go back, or end where they have crashed too often, must not run twice
-- (and have no checkpoint to go on from), or were cancelled.
-- needs: prelude, jobs, busy, deaths, history, letters, mail, places, runs, settle, times
local given_back = {} -- rows of `GivenBack`, one after the other

-- A worker died under this job, so the attempt counts, unless another job is to blame. At first it goes back like any other,
-- for most are merely neighbours of what killed their worker, or of nothing at all.
local function give_back_crashed(id, job, kept, session, attempt, started, place)
  local guilty = to_blame(session)
  if job[Job.once] and redis.call('HEXISTS', K.checkpoint, id) == 0 then
    settle(id, kept, 'failed', 'interrupted', attempt, started, session)
    return
  end
  local deaths, row = {}, attempt_row(How.DIED, '', session, attempt, started)
  if not guilty or guilty == id then
    redis.call('HINCRBY', K.tries, id, 1)
    add_death(id, session)
    deaths = deaths_of(id)
  else
    redis.call('HINCRBY', K.uncounted, id, 1)
  end
  if #deaths >= MOST_DEATHS then
    convict(id, deaths)
    bury(id, kept, 'worker-died', table.concat(deaths, ' '), row)
    settle(id, kept, 'failed', 'worker-died', attempt, started, session)
    return
  end
  keep_attempt(id, row)
  if #deaths >= SUSPECT then
    suspect(id, job[Job.name], place)
    wake(job[Job.name], 1000) -- one of all may hold nothing
  else
    enqueue(id, job, place)
  end
end

local function give_back(id, session, crashed, run, kept)
  local holder, started, attempt, place = read_run(run)
  if holder ~= session then return end
  local job = fields_of(kept)
  append(given_back, GivenBack{session = session, id = id, name = job[Job.name]})
  redis.call('HDEL', K.run, id)
  vacate(id, job)
  if redis.call('HEXISTS', K.cancel, id) == 1 then
    settle(id, kept, 'cancelled', '', attempt, started, session)
    return
  end
  local latest = deadline_of(kept)
  if latest > 0 then at_time(K.deadline, latest, id) end
  wake(job[Job.name], 1)
  if crashed then
    give_back_crashed(id, job, kept, session, attempt, started, place)
  else
    redis.call('HINCRBY', K.uncounted, id, 1)
    keep_attempt(id, attempt_row(How.GIVEN_BACK, '', session, attempt, started))
    enqueue(id, job, place)
  end
end

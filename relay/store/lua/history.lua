-- Attempts of a live job that have ended without an outcome, oldest first: `history` has the last History.MOST of them, rows
-- of `PastAttempt` (times in ms; the slug of what it failed with, '' for none; the process that ran it). A job that succeeds
-- at once has none. They go on with its outcome, and with the dead job that it becomes.
-- They count as bytes of their job.
-- needs: prelude, kept, mail
local function past_attempts(id)
  local packed = redis.call('HGET', K.history, id)
  return packed and cmsgpack.unpack(packed) or {}
end

local function attempt_row(how, problem, session, attempt, started)
  return PastAttempt{
    number = attempt, started = started, ended = now, how = how, problem = problem, process = process_of(session) or ''}
end

-- The attempts of a job, this one behind them, as they are kept.
local function packed_with(id, row)
  local rows = past_attempts(id)
  if #rows >= History.MOST then table.remove(rows, 1) end
  rows[#rows + 1] = row
  return cmsgpack.pack(rows)
end

local function write_history(id, packed)
  weigh(#packed - redis.call('HSTRLEN', K.history, id))
  if packed == '' then redis.call('HDEL', K.history, id) else redis.call('HSET', K.history, id, packed) end
end

local function keep_attempt(id, row) write_history(id, packed_with(id, row)) end

-- A session is alive that was taken for dead: this attempt has not ended.
local function take_back_death(id, session)
  local rows = past_attempts(id)
  local last = rows[#rows]
  if not last or last[PastAttempt.how] ~= How.DIED or last[PastAttempt.process] ~= process_of(session) then return end
  rows[#rows] = nil
  write_history(id, #rows > 0 and cmsgpack.pack(rows) or '')
end

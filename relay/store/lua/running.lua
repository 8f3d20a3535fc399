--!no-writes
-- running: some of the jobs that run.
-- arguments: tag, epoch, cursor ('0' at first)
-- answer:    {'OK', now, seq, the next cursor ('0': that was all), rows of `Running`}: started (ms), cancelled (1: it was
--            told to stop). A job may be there twice.
-- needs: prelude, reads, jobs, runs
local SOME = 100
local cursor, runs = unpack(redis.call('HSCAN', K.run, ARG.cursor, 'COUNT', SOME))

local function name_of(id, run)
  local kept = not name_of_run(run) and redis.call('HGET', K.job, id)
  return name_of_run(run) or (kept and fields_of(kept)[Job.name]) or ''
end

local rows = {}
for i = 1, #runs, 2 do
  local id, run = runs[i], runs[i + 1]
  local session, started, attempt = read_run(run)
  append(rows, Running{
    id = id, name = name_of(id, run), session = session, attempt = attempt, started = started,
    progress = redis.call('HGET', K.progress, id) or '', cancelled = redis.call('HEXISTS', K.cancel, id)})
end
return {'OK', now, seq, cursor, unpack(rows)}

-- Notes of jobs that run: how far they are (`progress`), and what their next attempt is given (`checkpoint`).
-- needs: kept, news, runs
local function keep_checkpoints(session, rows)
  for _, row in ipairs(rows) do
    local id, said = row[Checkpoint.id], row[Checkpoint.said]
    if is_fenced(redis.call('HGET', K.run, id), session, row[Checkpoint.turn]) then
      weigh(#said - redis.call('HSTRLEN', K.checkpoint, id))
      redis.call('HSET', K.checkpoint, id, said)
    end
  end
end

local function keep_progress(session, rows)
  local ids = {}
  for _, row in ipairs(rows) do
    local run = redis.call('HGET', K.run, row[Progress.id])
    if run and read_run(run) == session then
      redis.call('HSET', K.progress, row[Progress.id], row[Progress.said])
      ids[#ids + 1] = row[Progress.id]
    end
  end
  have_changed(ids)
end

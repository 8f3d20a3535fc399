-- Ends jobs: collected while a script runs, written at its end in a few commands for all of them.
-- needs: prelude, jobs, alive, busy, children, aside, kept, letters, logs, outcomes, times
local SPARSE = {
  K.tries, K.uncounted, K.crash, K.history, K.cancel, K.wait, K.left, K.listen, K.logged, K.progress, K.checkpoint, K.parents}
local settled = {} -- {id, job as kept, its fields, how it ended, whether it was put aside before}

-- payload: JSON of the result or of the problem, a slug of relay's own problems, '' where the state says it all ·
-- session: that ran it last, nil for none
local function settle(id, kept, state, payload, attempts, started, session)
  local ending = Ending{
    state = state, payload = payload, attempts = attempts, started = started, session = session or '', finished = now}
  settled[#settled + 1] = {id, kept, fields_of(kept), ending, false}
end

-- The same for the end of a durable job, which was put aside before.
local function settle_told(id, kept, ending) settled[#settled + 1] = {id, kept, fields_of(kept), ending, true} end

local function weigh_checkpoints(ids)
  if redis.call('EXISTS', K.checkpoint) == 0 then return end
  for _, id in ipairs(ids) do weigh(-redis.call('HSTRLEN', K.checkpoint, id)) end
end

-- What was settled since the last time, with its jobs; ends of durable jobs are put aside first, and come again to be told.
local function told_now()
  local batch, all = {}, settled
  settled = {}
  for _, ended in ipairs(all) do
    local id, _, job, ending, is_told = unpack(ended)
    if not is_told then vacate(id, job) end
    if job[Job.durable] and not is_told then put_aside(id, ending) else batch[#batch + 1] = ended end
  end
  return batch
end

-- Writes what was settled since the last time; sets `settled` free for more.
local function write_settled()
  if #settled == 0 then return end
  local batch = told_now()
  if #batch == 0 then return end
  local ids, states, waiting, past, bytes = {}, {}, {}, {}, 0
  for i, ended in ipairs(batch) do
    ids[i], states[i], bytes = ended[1], ended[4][Ending.state], bytes + #ended[2]
  end
  weigh(-bytes)
  local is_sparse = redis.call('EXISTS', unpack(SPARSE)) > 0 -- most jobs leave nothing in any of these
  if is_sparse then
    each_slice(ids, 2000, function(...)
      for _, inboxes in ipairs(redis.call('HMGET', K.wait, ...)) do waiting[#waiting + 1] = inboxes end
      append(past, redis.call('HMGET', K.history, ...))
    end)
    weigh_checkpoints(ids)
    part_with_logs(ids, KEEP)
    part_with_children(ids, states)
  end
  for _, packed in ipairs(past) do
    if packed then weigh(-#packed) end
  end
  for i, ended in ipairs(batch) do write_outcome(ended, waiting[i], past[i]) end
  write_alive()
  for _, key in ipairs({K.job, K.run, unpack(is_sparse and SPARSE or {})}) do
    each_slice(ids, 2000, function(...) redis.call('HDEL', key, ...) end)
  end
  if is_timed then each_slice(ids, 2000, function(...) redis.call('ZREM', K.deadline, ...) end) end
end

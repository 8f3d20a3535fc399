-- Ends jobs: collected while a script runs, written at its end in a few commands for all of them.
-- needs: prelude, jobs, alive, busy, children, following, kept, letters, mail, ones, times
local SPARSE = {K.tries, K.uncounted, K.crash, K.history, K.cancel, K.wait, K.left, K.progress, K.checkpoint, K.parents}
local settled = {}

-- payload: JSON of the result or of the problem, a slug of relay's own problems, '' where the state says it all ·
-- session: that ran it last, nil for none
local function settle(id, kept, state, payload, attempts, started, session)
  settled[#settled + 1] = {id, kept, state, payload, attempts, started, session}
end

-- A sub-job that was cancelled, or expired, is submitted anew when its parent is tried again. (One that failed is where its
-- worker says that this may be temporary: it ends as `undone`, see `ends.lua`.)
local function write_key(job, state)
  if job[Job.key] == '' then return end
  if (state == 'cancelled' or state == 'expired') and (job[Job.depth] or 0) > 0 then
    redis.call('DEL', named('idem', job[Job.key]))
  else
    redis.call('PEXPIRE', named('idem', job[Job.key]), KEEP)
  end
end

local function write_outcome(ended, waiting, past)
  local id, kept, state, payload, attempts, started, session = unpack(ended)
  local job = fields_of(kept)
  vacate(id, job)
  lives(job[Job.caller], -1)
  local fields = Outcome{
    name = job[Job.name], owner = job[Job.owner], state = state, created = created_of(kept), started = started,
    finished = now, expires = now + KEEP, attempts = attempts, payload = payload, follows = job[Job.then_] and true or false,
    process = session and process_of(session) or '', history = past and cmsgpack.unpack(past) or nil}
  if job[Job.then_] then follow(id, job, fields, waiting or job[Job.inbox] ~= '') end
  local outcome = cmsgpack.pack(fields)
  redis.call('SET', named('result', id), outcome, 'PX', KEEP)
  if is_unique(job) then stand_no_more(id, job, state) end
  write_key(job, state)
  remove_child(job[Job.parent], id)
  local told = #outcome <= 4096 and Mail.OUTCOME .. outcome or Mail.LARGE
  if job[Job.inbox] ~= '' then post(job[Job.inbox], id, told) end
  if waiting then
    for inbox in string.gmatch(waiting, '%S+') do post(inbox, id, told) end
  end
end

local function weigh_checkpoints(ids)
  if redis.call('EXISTS', K.checkpoint) == 0 then return end
  for _, id in ipairs(ids) do weigh(-redis.call('HSTRLEN', K.checkpoint, id)) end
end

-- Writes what was settled since the last time; sets `settled` free for more.
local function write_settled()
  if #settled == 0 then return end
  local batch, ids, states, waiting, past, bytes = settled, {}, {}, {}, {}, 0
  settled = {}
  for i, ended in ipairs(batch) do
    ids[i], states[i] = ended[1], ended[3]
    bytes = bytes + #ended[2]
  end
  weigh(-bytes)
  local is_sparse = redis.call('EXISTS', unpack(SPARSE)) > 0 -- most jobs leave nothing in any of these
  if is_sparse then
    each_slice(ids, 2000, function(...)
      for _, inboxes in ipairs(redis.call('HMGET', K.wait, ...)) do waiting[#waiting + 1] = inboxes end
      append(past, redis.call('HMGET', K.history, ...))
    end)
    weigh_checkpoints(ids)
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

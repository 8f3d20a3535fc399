-- Ends jobs: collected while a script runs, written at its end in a few commands for all of them.
-- needs: prelude, mail, letters, times, places, busy, kept
local SPARSE = {K.tries, K.uncounted, K.crash, K.cancel, K.wait, K.left, K.progress, K.checkpoint}
local settled = {}

-- payload: JSON of the result or of the problem, a slug of relay's own problems, '' where the state says it all
local function settle(id, kept, state, payload, attempts, started)
  settled[#settled + 1] = {id, kept, state, payload, attempts, started}
end

-- The job that gets an outcome: at once where nobody waits for it, else after a while, unless `collected` says
-- meanwhile that somebody has it. Its arguments are the outcome as it is kept, for `relay.store.messages` to read.
local COLLECTED_WITHIN = 10000
local function follow(id, job, outcome, delay)
  local name, queue, priority, attempts, once, lane = unpack(job[THEN])
  local arguments = cjson.encode({id, unpack(outcome)})
  local following = {name, queue, job[OWNER], '', priority, attempts, '', '', once, job[TRACE], arguments, lane}
  local kept = string.format('%013.0f%013.0f', now, 0) .. cmsgpack.pack(following)
  redis.call('HSET', K.job, following_id(id), kept)
  weigh(#kept)
  at_time(K.delay, now + delay, following_id(id))
end

local function write_outcome(ended, waiting)
  local id, kept, state, payload, attempts, started = unpack(ended)
  local job = fields_of(kept)
  vacate(id, job)
  local fields = {job[NAME], job[OWNER], state, created_of(kept), started, now, now + KEEP, attempts, payload}
  if job[THEN] then
    fields[#fields + 1] = true
    follow(id, job, fields, (waiting or job[INBOX] ~= '') and COLLECTED_WITHIN or 0)
  end
  local outcome = cmsgpack.pack(fields)
  redis.call('SET', named('result', id), outcome, 'PX', KEEP)
  if job[KEY] ~= '' then redis.call('PEXPIRE', named('idem', job[KEY]), KEEP) end
  local told = #outcome <= 4096 and 'o' .. outcome or 'r'
  if job[INBOX] ~= '' then post(job[INBOX], id, told) end
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
  local batch, ids, waiting, bytes = settled, {}, {}, 0
  settled = {}
  for i, ended in ipairs(batch) do
    ids[i] = ended[1]
    bytes = bytes + #ended[2]
  end
  weigh(-bytes)
  local is_sparse = redis.call('EXISTS', unpack(SPARSE)) > 0 -- most jobs leave nothing in any of these
  if is_sparse then
    each_slice(ids, 2000, function(...)
      for _, inboxes in ipairs(redis.call('HMGET', K.wait, ...)) do waiting[#waiting + 1] = inboxes end
    end)
    weigh_checkpoints(ids)
  end
  for i, ended in ipairs(batch) do write_outcome(ended, waiting[i]) end
  for _, key in ipairs({K.job, K.run, unpack(is_sparse and SPARSE or {})}) do
    each_slice(ids, 2000, function(...) redis.call('HDEL', key, ...) end)
  end
  if is_timed then each_slice(ids, 2000, function(...) redis.call('ZREM', K.deadline, ...) end) end
end

-- Ends jobs: collected while a script runs, written at its end in a few commands for all of them.
-- needs: prelude, mail
local settled = {}

-- payload: JSON of the result or of the problem, a slug of relay's own problems, '' where the state says it all
local function settle(id, kept, state, payload, attempts, started)
  settled[#settled + 1] = {id, kept, state, payload, attempts, started}
end

-- Keeps a job that failed for good, to be looked at and run again.
local function bury(id, kept, cause)
  redis.call('ZADD', K.dead, string.format('%.0f', now), id)
  redis.call('HSET', K.letter, id, cmsgpack.pack({now, cause, kept, redis.call('HGET', K.crash, id) or ''}))
end

-- The job that gets an outcome: at once where nobody waits for it, else after a while, unless `collected` says
-- meanwhile that somebody has it. Its arguments are the outcome as it is kept, for `relay.store.messages` to read.
local COLLECTED_WITHIN = 10000
local function follow(id, job, outcome, delay)
  local name, queue, priority, attempts, once, lane = unpack(job[THEN])
  local arguments = cjson.encode({id, unpack(outcome)})
  local following = {name, queue, job[OWNER], '', priority, attempts, '', '', once, job[TRACE], arguments, lane}
  redis.call('HSET', K.job, following_id(id), string.format('%013.0f%013.0f', now, 0) .. cmsgpack.pack(following))
  redis.call('ZADD', K.delay, string.format('%.0f', now + delay), following_id(id))
end

local function write_outcome(ended, waiting, keep)
  local id, kept, state, payload, attempts, started = unpack(ended)
  local job = fields_of(kept)
  local fields = {job[NAME], job[OWNER], state, created_of(kept), started, now, now + keep, attempts, payload}
  if job[THEN] then
    fields[#fields + 1] = true
    follow(id, job, fields, (waiting or job[INBOX] ~= '') and COLLECTED_WITHIN or 0)
  end
  local outcome = cmsgpack.pack(fields)
  redis.call('SET', named('result', id), outcome, 'PX', keep)
  if job[KEY] ~= '' then redis.call('PEXPIRE', named('idem', job[KEY]), keep) end
  local told = #outcome <= 4096 and 'o' .. outcome or 'r'
  if job[INBOX] ~= '' then post(job[INBOX], id, told) end
  if waiting then
    for inbox in string.gmatch(waiting, '%S+') do post(inbox, id, told) end
  end
end

local function write_settled(keep)
  if #settled == 0 then return end
  local ids = {}
  for i, ended in ipairs(settled) do ids[i] = ended[1] end
  local waiting = redis.call('EXISTS', K.wait) == 1 and redis.call('HMGET', K.wait, unpack(ids)) or {}
  for i, ended in ipairs(settled) do write_outcome(ended, waiting[i], keep) end
  redis.call('HDEL', K.job, unpack(ids))
  for _, key in ipairs({K.run, K.tries, K.crash, K.wait, K.left, K.progress}) do
    if redis.call('EXISTS', key) == 1 then redis.call('HDEL', key, unpack(ids)) end
  end
  if redis.call('EXISTS', K.deadline) == 1 then redis.call('ZREM', K.deadline, unpack(ids)) end
end

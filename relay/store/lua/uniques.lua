-- Submissions that ask for what another job does already (`Job.unique`): they join it. One with a `debounce` (ms) is held
-- back, and while nobody has begun it the next one takes its place: its arguments count, and it is held back anew, up to
-- LONGEST times the debounce after the first.
-- needs: prelude, allowances, jobs, kept, places, repeats, spoilt, times
local LONGEST = 10
local JOINED = 86400000 -- ms that the key of a submission stands for the job that it joined

local function is_begun(id)
  for _, key in ipairs({K.run, K.tries, K.uncounted, K.ending}) do
    if redis.call('HEXISTS', key, id) == 1 then return true end
  end
  return false
end

-- The job as it is from now on: for those who asked first, with what was asked last.
local function merged(old, new)
  for _, field in ipairs({Job.inbox, Job.key, Job.fingerprint, Job.caller, Job.fair, Job.parent, Job.depth, Job.scheduled}) do
    new[field] = old[field]
  end
  new[Job.durable] = old[Job.durable] or new[Job.durable]
  return new
end

local function move_line(id, old, new)
  local place = redis.call('ZSCORE', line_of(old[Job.name], old[Job.lane]), id)
  if not place or old[Job.lane] == new[Job.lane] then return end
  redis.call('ZREM', line_of(old[Job.name], old[Job.lane]), id)
  forget_line(old[Job.name], old[Job.lane])
  enqueue(id, new, digits(tonumber(place)))
end

local function set_deadline(id, latest)
  if latest > 0 then at_time(K.deadline, latest, id) else redis.call('ZREM', K.deadline, id) end
end

-- `room` is how many bytes there are for more; nil where there are too few.
local function take_place(id, kept, row, room)
  local old, created, debounce = fields_of(kept), created_of(kept), row[Submission.debounce]
  local new = merged(old, fields_of(string.rep('0', 2 * Kept.STAMP) .. row[Submission.job]))
  local latest = row[Submission.deadline]
  if latest > 0 then latest = now + latest end
  local changed = packed_job(string.format(Kept.FORMAT, created, latest), new)
  if #changed - #kept > room then return nil end
  redis.call('HSET', K.job, id, changed)
  weigh(#changed - #kept)
  set_deadline(id, latest)
  if redis.call('ZSCORE', K.delay, id) then
    at_time(K.delay, math.min(now + math.max(debounce, row[Submission.delay]), created + LONGEST * debounce), id)
  else
    move_line(id, old, new)
  end
  return changed
end

local function join_one(id, row, inbox, room)
  local kept = redis.call('HGET', K.job, id)
  if row[Submission.debounce] > 0 then
    if not kept or is_begun(id) then return nil end
    if not take_place(id, kept, row, room) then return Receipt{known = 'full'} end
  end
  return recall(id, inbox)
end

-- A `Receipt` where there is one that it joins. That counts for the rate of its caller, unless it was sent `again`.
local function join(row, inbox, room, again)
  if row[Submission.unique] == '' then return nil end
  local id = unless_spoilt(redis.pcall('GET', named('one', row[Submission.unique])), false)
  if not id then return nil end
  local allowed = not again and row[Submission.caller] ~= '' and allowance_of(row[Submission.caller])
  local refused = allowed and slowed(allowed)
  if refused then return refused end
  local known = join_one(id, row, inbox, room)
  if known and known[Receipt.known] ~= 'full' then
    if allowed then count_call(allowed) end
    if row[Submission.key] ~= '' then
      redis.call('SET', named('idem', row[Submission.key]), id .. ' ' .. row[Submission.fingerprint], 'PX', JOINED)
    end
  end
  return known
end

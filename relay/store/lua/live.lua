--!no-writes
-- live: some of the jobs that live.
-- arguments: tag, epoch, cursor ('' at first), source (`all`; `running`; `scheduled`, `untold`, by their times; of a name `line`: those
--            without a lane, `suspects`: those that are suspected, by their places), name, owner, prefix (of the id), before,
--            after (ms, when it was made)
-- answer:    {'OK', now, seq, the next cursor ('': that was all), how many were looked at, rows of `Listed`}. A job may be
--            there twice, or not at all if it moves meanwhile.
-- needs: prelude, reads, jobs, aside, picked, places, portions, runs
local MOST = 50
local source, rows, looked = ARG.source, {}, 0
read_wanted(ARG.name, ARG.owner, ARG.prefix, ARG.before, ARG.after)

local function tell(id, kept)
  looked = looked + 1
  local job = kept and fields_of(kept)
  if not job or not is_wanted(id, job[Job.name], job[Job.owner], created_of(kept)) then return end
  local run, state, started = redis.call('HGET', K.run, id), 'running', 0
  local attempts = tonumber(redis.call('HGET', K.tries, id) or 0)
  if run then
    local _, since, attempt = read_run(run)
    started, attempts = since, attempt
  elseif not has_ended(id, job) then
    state = redis.call('ZSCORE', K.delay, id) and 'scheduled' or 'queued'
  end
  append(rows, Listed{
    id = id, name = job[Job.name], queue = queue_of(job[Job.name], job[Job.queue]),
    owner = job[Job.owner], lane = job[Job.lane], state = state,
    created = created_of(kept), started = started, finished = 0, attempts = attempts, problem = ''})
end

-- By HSCAN of all jobs, a few at first: they come with their values.
local function scan_jobs(cursor)
  if cursor == '' then cursor = '0' end
  repeat
    local flat
    cursor, flat = unpack(redis.call('HSCAN', K.job, cursor, 'COUNT', math.min(portion(), MOST / 2)))
    for i = 1, #flat, 2 do
      read_count, read_bytes = read_count + 1, read_bytes + #flat[i + 1]
      tell(flat[i], flat[i + 1])
    end
  until cursor == '0' or looked >= MOST or read_bytes >= READ_MOST
  return cursor == '0' and '' or cursor
end

-- By HSCAN of those that run. What there is too much of is left for the next script: the same cursor, and so many to skip.
local function scan_runs(cursor)
  local at, skip = string.match(cursor, '^(%d+) (%d+)$')
  at, skip = at or '0', tonumber(skip or 0)
  local next_at, flat = unpack(redis.call('HSCAN', K.run, at, 'COUNT', MOST))
  local ids = {}
  for i = 1 + 2 * skip, #flat, 2 do ids[#ids + 1] = flat[i] end
  local reached = each_job(ids, tell)
  if reached < #ids then return at .. ' ' .. digits(skip + reached) end
  return next_at == '0' and '' or next_at .. ' 0'
end

local function walk_jobs(key, cursor)
  local ids, cursor_behind = walk(key, cursor, MOST)
  return cursor_behind(each_job(ids, tell))
end

local cursor
if source == 'all' then
  cursor = scan_jobs(ARG.cursor)
elseif source == 'running' then
  cursor = scan_runs(ARG.cursor)
else
  local keys = {scheduled = K.delay, untold = K.untold, line = line_of(ARG.name, ''), suspects = named('suspect', ARG.name)}
  cursor = walk_jobs(keys[source], ARG.cursor)
end
return {'OK', now, seq, cursor, looked, unpack(rows)}

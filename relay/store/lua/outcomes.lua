-- The outcome of a job: kept, and told to all who wait for it.
-- needs: prelude, jobs, alive, children, following, letters, mail, ones
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

local lasts -- of this script: until when its outcomes are kept, as digits
local processes = {[''] = ''} -- of this script: by session
local function process_that_ran(session)
  processes[session] = processes[session] or process_of(session) or ''
  return processes[session]
end

local function write_outcome(ended, waiting, past)
  local id, kept, job, ending = unpack(ended)
  local state, is_durable = ending[Ending.state], job[Job.durable] or nil
  lives(job[Job.caller], -1)
  local fields = Outcome{
    Ending = ending, name = job[Job.name], owner = job[Job.owner], created = created_of(kept), expires = now + KEEP,
    follows = job[Job.then_] and true or false, process = process_that_ran(ending[Ending.session]),
    history = past and cmsgpack.unpack(past) or is_durable and {}, durable = is_durable}
  if job[Job.then_] then follow(id, job, fields, waiting or job[Job.inbox] ~= '') end
  local outcome = cmsgpack.pack(fields)
  lasts = lasts or digits(now + KEEP)
  redis.call('SET', named('result', id), outcome, 'PXAT', lasts)
  if is_unique(job) then stand_no_more(id, job, state) end
  write_key(job, state)
  remove_child(job[Job.parent], id)
  local told = #outcome <= 4096 and Mail.OUTCOME .. outcome or Mail.LARGE
  if job[Job.inbox] ~= '' then post(job[Job.inbox], id, told) end
  if waiting then
    for inbox in string.gmatch(waiting, '%S+') do post(inbox, id, told) end
  end
end

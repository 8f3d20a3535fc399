--!allow-oom
-- schedules: when jobs are fired next. Asked for all, it forgets those that nobody has declared for a month.
-- arguments: tag, epoch, then `name=mark` (of its declaration; '': of any) of each job that is asked for; none: of all
-- answer:    {'OK', now, seq, rows of `Scheduled`}: of jobs that were asked for only those whose declaration counts, also
--            such as have no schedule yet (due is -1)
-- needs: prelude, writes, plans
local FORGET = 2592000000 -- ms
local rows = {}

local function tell(name, state)
  local due, text = string.match(state or '', '^(%S+) (.*)$')
  local fired, id = string.match(redis.call('HGET', K.fired, name) or '', '^(%S+) (%S+)$')
  append(rows, Scheduled{
    name = name, due = tonumber(due or -1), text = text or '', paused = tonumber(redis.call('HGET', K.paused, name) or 0),
    fired = tonumber(fired or 0), id = id or ''})
end

if #ARGV < ARG.REST then
  local all = redis.call('HGETALL', K.schedule)
  for i = 1, #all, 2 do
    local name, due = all[i], tonumber(string.match(all[i + 1], '^%d+') or 0)
    if due < now - FORGET and redis.call('HEXISTS', K.declared, name) == 0 then
      forget_schedule(name)
    else
      tell(name, all[i + 1])
    end
  end
end
for i = ARG.REST, #ARGV do
  local name, mark = string.match(ARGV[i], '^([^=]+)=(.*)$')
  local counts = string.match(redis.call('HGET', K.declared, name) or '', '^%S+')
  if mark == '' or counts == mark then tell(name, redis.call('HGET', K.schedule, name)) end
end
return {'OK', now, seq, unpack(rows)}

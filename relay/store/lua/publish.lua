--!allow-oom
-- publish: a worker says which jobs it serves, and promises to say so again. Of two declarations of a name the newest
-- counts: that of the worker that published first later, as long as one that has it keeps its promise.
-- arguments: tag, epoch, lasts (ms), since (when this worker began to publish, ms; 0: this is the first time), roster,
--            then for each job a row of `Declaration`: its text is JSON
-- answer:    {'OK', now, seq, since when it publishes}
-- needs: prelude, writes, lists, plans
local until_then, since, roster = digits(now + tonumber(ARG.lasts)), tonumber(ARG.since), ARG.roster
if since == 0 then since = now end
local changed, KEEP_TAKERS = false, 86400000 -- ms

-- Another worker with the same roster has published it a moment ago, and began no earlier: nothing would change.
local SOON = 2000 -- ms
local began = tonumber(redis.call('GET', named('promise', roster)) or -1)
if began >= since then return {'OK', now, seq, since} end
redis.call('SET', named('promise', roster), digits(since), 'PX', SOON)

local function is_given(value) return value and value ~= cjson.null end

-- what scripts have to know of a declaration
local function read_declaration(name, text)
  local declared = cjson.decode(text)
  local limit = declared.limit
  if is_given(limit) then
    local rate = string.format('%.0f %.0f %.0f', limit.calls, limit.window * 1000, limit.most or 0)
    redis.call('HSET', K.rate, limit.name, rate)
  end
  if not is_given(declared.schedule) then forget_schedule(name) end
end

-- what is only read has changed: no part of the mark. The worker that began last has the newest.
local function is_told_anew(name, declaration, newest)
  return since > newest and redis.call('HGET', K.serve, name) ~= declaration
end

-- Whether this is the declaration that counts. Who has another does not take the job any more.
local function declare(name, mark, declaration, takers)
  local known, newest, lapses = string.match(redis.call('HGET', K.declared, name) or '', '^(%S+) (%d+) (%d+)$')
  newest, lapses = tonumber(newest or 0), tonumber(lapses or 0)
  if known ~= mark and newest > since and lapses > now then return false end
  if known ~= mark then
    redis.call('DEL', takers)
    read_declaration(name, declaration)
  end
  if known ~= mark or is_told_anew(name, declaration, newest) then
    redis.call('HSET', K.serve, name, declaration)
    changed = true
  end
  if known ~= mark or redis.call('HEXISTS', K.queueof, name) == 0 then -- an earlier version kept none
    redis.call('HSET', K.queueof, name, cjson.decode(declaration).queue)
  end
  redis.call('HSET', K.declared, name, string.format('%s %.0f %s', mark, math.max(newest, since), until_then))
  return true
end

for at = ARG.REST, #ARGV, Declaration.COUNT do
  local row = row_at(at, Declaration.COUNT)
  local name, takers = row[Declaration.name], named('takers', row[Declaration.name])
  redis.call('ZREMRANGEBYSCORE', takers, '-inf', digits(now))
  if declare(name, row[Declaration.mark], row[Declaration.text], takers) then
    redis.call('ZADD', K.served, until_then, name)
    redis.call('ZADD', takers, until_then, roster)
    redis.call('PEXPIRE', takers, KEEP_TAKERS)
  else
    redis.call('ZREM', takers, roster)
  end
end
if changed then redis.call('INCR', K.catalogue) end
return {'OK', now, seq, since}

-- submit: adds jobs, at most 500 and 1 MiB a call.
-- arguments: tag, epoch, queue limit (jobs and bytes), inbox, again (1: these ids may have been sent before), then for each
--            job: id, key digest, fingerprint, name, priority, lane, delay (ms), deadline (ms from now, 0 none), Job
-- answer:    {'OK', now, seq, one of these for each job}:
--            {'new'} · {'known', id}: its key stands for a live job, which now has this inbox as a waiter ·
--            {'done', id, outcome} · {'clash'}: the key was used with other arguments · {'full'}
-- A refused job leaves nothing behind, its key included. Sent again with again = 1 it adds nothing twice.
--@include prelude
--@include writes
--@include mail
--@include waiters
--@include times
--@include places
--@include kept
local limit, most_bytes = string.match(ARGV[3], '^(%d+) (%d+)$')
local inbox, again = ARGV[4], ARGV[5] == '1'
local room = tonumber(limit) - redis.call('HLEN', K.job)
local room_bytes, added = tonumber(most_bytes) - tonumber(redis.call('GET', K.bytes) or 0), 0
local count = (#ARGV - 5) / 9
local line = reserve(count)
local jobs, ready, fresh, answers = {}, {}, {}, {}

-- what is known of a job that was accepted before; nil if nothing is
local function recall(id)
  if fresh[id] then return {'known', id} end
  local kept = redis.call('HGET', K.job, id)
  if kept then
    add_waiter(id, kept, inbox)
    return {'known', id}
  end
  local outcome = redis.call('GET', named('result', id))
  return outcome and {'done', id, outcome} or nil
end

local function recall_key(digest, fingerprint)
  local found = digest ~= '' and redis.call('GET', named('idem', digest))
  if not found then return nil end
  local id, stored = string.match(found, '^(%S+) (%S+)$')
  local known = recall(id)
  if known and stored ~= fingerprint then return {'clash'} end
  return known
end

local function stand_in_line(id, name, priority, lane, delay, nth)
  if delay > 0 then
    at_time(K.delay, now + delay, id)
    return
  end
  local place = score(priority, line + nth)
  wake(name, 1)
  if lane ~= '' then
    enqueue(id, {[NAME] = name, [LANE] = lane}, place)
    return
  end
  local places = ready[name]
  if not places then
    places = {}
    ready[name] = places
  end
  raise_name(name, place)
  places[#places + 1] = place
  places[#places + 1] = id
end

local function add(nth, id, digest, fingerprint, name, priority, lane, delay, deadline, job)
  local latest = deadline > 0 and now + deadline or 0
  local kept = string.format('%013.0f%013.0f', now, latest) .. job
  if room < 1 or room_bytes - added < #kept then return {'full'} end
  room, added = room - 1, added + #kept
  jobs[#jobs + 1] = id
  jobs[#jobs + 1] = kept
  fresh[id] = true
  if digest ~= '' then redis.call('SET', named('idem', digest), id .. ' ' .. fingerprint) end
  if latest > 0 then at_time(K.deadline, latest, id) end
  stand_in_line(id, name, priority, lane, delay, nth)
  return {'new'}
end

for nth = 1, count do
  local id, digest, fingerprint, name, priority, lane, delay, deadline, job = unpack(ARGV, nth * 9 - 3, nth * 9 + 5)
  answers[nth] = recall_key(digest, fingerprint) or (again and recall(id))
    or add(nth, id, digest, fingerprint, name, tonumber(priority), lane, tonumber(delay), tonumber(deadline), job)
end

weigh(added)
each_slice(jobs, 2000, function(...) redis.call('HSET', K.job, ...) end)
for name, places in pairs(ready) do
  each_slice(places, 2000, function(...) redis.call('ZADD', line_of(name, ''), ...) end)
end
send_mail()
return {'OK', now, seq, unpack(answers)}

-- submit: adds jobs, at most 500 and 1 MiB a call.
-- arguments: tag, epoch, most_jobs (alive at once), most_bytes (of them), inbox, again (1: these ids may have been sent
--            before), then for each job a row of `Submission`: key is a digest, delay and deadline are ms from now (0: none)
-- answer:    {'OK', now, seq, a `Receipt` for each job}:
--            {'new'} · {'known', id}: its key stands for a live job, which now has this inbox as a waiter ·
--            {'done', id, outcome} · {'clash'}: the key was used with other arguments · {'full'} · of a caller with limits:
--            {'slow', ms until it may add the next one} · {'crowded'}: as many of its jobs live as may
-- A refused job leaves nothing behind: no key, and nothing is counted. Sent again with again = 1 it adds nothing twice.
-- needs: prelude, writes, allowances, children, fair, kept, lists, mail, places, repeats, times
local inbox, again = ARG.inbox, ARG.again == '1'
local room = tonumber(ARG.most_jobs) - redis.call('HLEN', K.job)
local room_bytes, bytes = tonumber(ARG.most_bytes) - tonumber(redis.call('GET', K.bytes) or 0), 0
local count = (#ARGV + 1 - ARG.REST) / Submission.COUNT
local first_place = reserve(count)
local jobs, ready, answers = {}, {}, {}

local function stand_in_line(row, place, allowed)
  local id, name, lane = row[Submission.id], row[Submission.name], row[Submission.lane]
  local delay = tonumber(row[Submission.delay])
  if delay > 0 then
    at_time(K.delay, now + delay, id)
    return
  end
  wake(name, 1)
  if allowed and allowed.owner ~= '' then
    place = place_in_turn(name, lane, row[Submission.priority], allowed.owner, place)
  end
  if lane ~= '' then
    enqueue(id, {[Job.name] = name, [Job.lane] = lane}, place)
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

local function add(nth, row)
  local id, digest, deadline = row[Submission.id], row[Submission.key], tonumber(row[Submission.deadline])
  local latest = deadline > 0 and now + deadline or 0
  local kept = string.format(Kept.FORMAT, now, latest) .. row[Submission.job]
  if room < 1 or room_bytes - bytes < #kept then return Receipt{known = 'full'} end
  local allowed = row[Submission.caller] ~= '' and allowance_of(row[Submission.caller])
  local refused = allowed and admit(allowed)
  if refused then return refused end
  room, bytes = room - 1, bytes + #kept
  jobs[#jobs + 1] = id
  jobs[#jobs + 1] = kept
  added[id] = true
  if digest ~= '' then redis.call('SET', named('idem', digest), id .. ' ' .. row[Submission.fingerprint]) end
  if latest > 0 then at_time(K.deadline, latest, id) end
  add_child(row[Submission.parent], id)
  stand_in_line(row, score(tonumber(row[Submission.priority]), first_place + nth), allowed)
  return Receipt{known = 'new'}
end

for nth = 1, count do
  local row = row_at(ARG.REST + (nth - 1) * Submission.COUNT, Submission.COUNT)
  answers[nth] = recall_key(row[Submission.key], row[Submission.fingerprint], inbox)
    or (again and recall(row[Submission.id], inbox)) or add(nth, row)
end

weigh(bytes)
write_admitted()
write_children()
write_turns()
each_slice(jobs, 2000, function(...) redis.call('HSET', K.job, ...) end)
for name, places in pairs(ready) do
  each_slice(places, 2000, function(...) redis.call('ZADD', line_of(name, ''), ...) end)
end
send_mail()
return {'OK', now, seq, unpack(answers)}

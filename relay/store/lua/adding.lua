-- Jobs that a script adds, of rows of `Submission`: collected, and written at its end in a few commands for all of them.
-- needs: prelude, writes, allowances, children, kept, ones, queueing, repeats, times, uniques
local room, room_bytes, bytes = 0, 0, 0 -- for how many jobs there is room, and for how many bytes of them; of those added
local jobs = {}

local function read_room(most_jobs, most_bytes)
  room = tonumber(most_jobs) - redis.call('HLEN', K.job)
  room_bytes = tonumber(most_bytes) - tonumber(redis.call('GET', K.bytes) or 0)
end

local function keep_added(id, kept, row)
  bytes, added[id] = bytes + #kept, true
  if row[Submission.unique] ~= '' then stand_for(row[Submission.unique], id) end
  if row[Submission.debounce] > 0 then -- another one of this script may take its place
    redis.call('HSET', K.job, id, kept)
    return
  end
  jobs[#jobs + 1] = id
  jobs[#jobs + 1] = kept
end

local undated -- of this script: what stands before a job without a deadline
local function stamps(latest)
  if latest > 0 then return string.format(Kept.FORMAT, now, latest) end
  undated = undated or string.format(Kept.FORMAT, now, 0)
  return undated
end

local function add(place, row)
  local id, digest, deadline = row[Submission.id], row[Submission.key], row[Submission.deadline]
  local latest = deadline > 0 and now + deadline or 0
  local kept = stamps(latest) .. row[Submission.job]
  if room < 1 or room_bytes - bytes < #kept then return Receipt{known = 'full'} end
  local allowed = row[Submission.caller] ~= '' and allowance_of(row[Submission.caller])
  local refused = allowed and admit(allowed)
  if refused then return refused end
  room = room - 1
  keep_added(id, kept, row)
  if digest ~= '' then redis.call('SET', named('idem', digest), id .. ' ' .. row[Submission.fingerprint]) end
  if latest > 0 then at_time(K.deadline, latest, id) end
  add_child(row[Submission.parent], id)
  stand_in_line(row, kept, score(row[Submission.priority], place), allowed)
  return Receipt{known = 'new'}
end

-- A submission at a place in line: what became of it, as a `Receipt`. `again`: its id may be known.
local function submitted(place, row, inbox, again)
  return recall_key(row[Submission.key], row[Submission.fingerprint], inbox)
    or (again and recall(row[Submission.id], inbox)) or join(row, inbox, room_bytes - bytes, again)
    or add(place, row)
end

local function write_added()
  weigh(bytes)
  write_admitted()
  write_children()
  each_slice(jobs, 2000, function(...) redis.call('HSET', K.job, ...) end)
  write_lines()
end

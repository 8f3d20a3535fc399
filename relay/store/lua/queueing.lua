-- Where jobs go that a script adds: to idle sessions at once, or into their lines, in a few commands for all of them.
-- needs: prelude, fair, handing, mail, places, times
-- by name: jobs that may begin at once (place, id, job as kept, each); which of these are not in the order of their places;
-- places and ids in its line
local free, mixed, ready = {}, {}, {}

local function stand_in_line(row, kept, place, allowed)
  local id, name, lane = row[Submission.id], row[Submission.name], row[Submission.lane]
  local delay = row[Submission.delay]
  if delay > 0 then
    put_off(id, name, now + delay)
    return
  end
  if not row[Submission.asks] then
    local jobs = free[name] or {}
    local count = #jobs
    mixed[name] = mixed[name] or (count > 0 and place < jobs[count - 2])
    free[name], jobs[count + 1], jobs[count + 2], jobs[count + 3] = jobs, place, id, kept
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
  raise_name(name, place)
  ready[name] = ready[name] or {}
  append(ready[name], {place, id})
end

-- Jobs in the order of their places.
local function in_order(jobs)
  local sorted, flat = {}, {}
  for at = 1, #jobs, 3 do sorted[#sorted + 1] = {unpack(jobs, at, at + 2)} end
  table.sort(sorted, function(one, other) return one[1] < other[1] end)
  for _, job in ipairs(sorted) do append(flat, job) end
  return flat
end

-- Those that nobody was handed.
local function line_up(name, jobs, handed)
  local places = ready[name] or {}
  local count = #places
  for at = 3 * handed + 1, #jobs, 3 do
    raise_name(name, jobs[at])
    places[count + 1], places[count + 2] = jobs[at], jobs[at + 1]
    count = count + 2
  end
  ready[name] = places
end

local function write_lines()
  write_turns()
  for name, jobs in pairs(free) do
    if mixed[name] then jobs = in_order(jobs) end
    line_up(name, jobs, hand_out(name, jobs))
  end
  for name, places in pairs(ready) do
    each_slice(places, 2000, function(...) redis.call('ZADD', line_of(name, ''), ...) end)
  end
end

-- Which jobs a session gets: of the names that it serves the highest priority first, then first come, whatever the line.
-- needs: writes, mail, letters, due, settle, places, limit
-- At most MOST_CLAIMS jobs and about MOST_CLAIMED bytes of them a script, looked at in portions.
local MOST_CLAIMS, MOST_CLAIMED, MOST_VISITS = 500, 1048576, 1000
local claims, claimed_bytes = {}, 0 -- {id, job as kept, place}
local rooms, went, shut = {}, {}, {} -- by lane: how many more may go, how many went; {name, lane} that are full by now

local function is_late(kept)
  local latest = deadline_of(kept)
  return latest > 0 and latest <= now
end

local function claim(id, kept, place)
  if is_late(kept) then
    settle(id, kept, 'expired', '', tonumber(redis.call('HGET', K.tries, id) or 0), 0)
    return 0
  end
  claims[#claims + 1] = {id, kept, place}
  claimed_bytes = claimed_bytes + #kept
  return 1
end

-- the ids of a line's next portion whose places are not behind `upto`; the rows they stand in
local function peek(key, most, upto)
  local rows, ids = redis.call('ZRANGE', key, 0, most, 'WITHSCORES'), {}
  for i = 1, math.min(#rows, 2 * most), 2 do
    if tonumber(rows[i + 1]) > upto then break end
    ids[#ids + 1] = rows[i]
  end
  return ids, rows
end

-- Takes from a line at most so many jobs, none behind `upto`: how many, and the place that is first now (nil: none).
local function take_from(key, most, upto)
  local taken = 0
  while true do
    local ids, rows = peek(key, math.min(portion(), most - taken), upto)
    if #ids == 0 then return taken, tonumber(rows[2]) end
    local jobs, out = read_jobs(ids), {}
    for i, id in ipairs(ids) do
      if claimed_bytes >= MOST_CLAIMED then break end
      out[i] = id
      if jobs[i] then taken = taken + claim(id, jobs[i], digits(tonumber(rows[2 * i]))) end
    end
    if #out > 0 then redis.call('ZREM', key, unpack(out)) end
    local next_place = tonumber(rows[2 * #out + 2])
    if not next_place or next_place > upto or taken >= most or #out < #ids then return taken, next_place end
  end
end

-- The same of a lane, no more than its limit lets go; a lane that is full by now is not open any more.
local function take_from_lane(name, lane, most, upto)
  if not rooms[lane] then rooms[lane] = room_of(lane) or math.huge end
  local next_place, is_empty = nil, false
  if rooms[lane] >= 1 then
    local taken
    taken, next_place = take_from(line_of(name, lane), math.min(most, rooms[lane]), upto)
    rooms[lane], went[lane] = rooms[lane] - taken, (went[lane] or 0) + taken
    is_empty = not next_place
  end
  if not is_empty and rooms[lane] >= 1 then
    redis.call('ZADD', named('lanes', name), digits(next_place), lane)
    return next_place
  end
  redis.call('ZREM', named('lanes', name), lane)
  if not is_empty then shut[#shut + 1] = {name, lane} end
  return nil
end

local function least(...)
  local found = nil
  for i = 1, select('#', ...) do
    local value = select(i, ...)
    if value and (not found or value < found) then found = value end
  end
  return found
end

-- Takes what goes first of a name: from its own line, or from the lane that is first; the place that is first now.
local function take_of(name, most, upto)
  local lanes = redis.call('ZRANGE', named('lanes', name), 0, 1, 'WITHSCORES')
  if #lanes == 0 then
    local _, next_place = take_from(line_of(name, ''), most, upto)
    return next_place
  end
  local own = tonumber(redis.call('ZRANGE', line_of(name, ''), 0, 0, 'WITHSCORES')[2])
  local lane, first, second = lanes[1], tonumber(lanes[2]), tonumber(lanes[4])
  if own and own < first then
    local _, next_place = take_from(line_of(name, ''), most, math.min(upto, first))
    return least(next_place, first)
  end
  return least(own, second, take_from_lane(name, lane, most, least(upto, own, second)))
end

local function insert(open, entry)
  local at = #open + 1
  while at > 1 and open[at - 1].place > entry.place do at = at - 1 end
  table.insert(open, at, entry)
end

-- Lanes whose time has come are open again.
local function reopen_lanes()
  if not is_timed then return end
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', K.shut, '-inf', digits(now), 'LIMIT', 0, 100)) do
    local name, lane = string.match(entry, '^(%S+) (.*)$')
    redis.call('ZREM', K.shut, entry)
    local place = redis.call('ZRANGE', line_of(name, lane), 0, 0, 'WITHSCORES')[2]
    if place then raise_lane(name, lane, digits(tonumber(place))) end
  end
end

local function count_lanes()
  for lane, count in pairs(went) do record(lane, count) end
  for _, full in ipairs(shut) do
    local _, at = room_of(full[2])
    at_time(K.shut, at, full[1] .. ' ' .. full[2])
  end
end

-- A fair share of what waits for all sessions.
local function share_of(want)
  local sessions = redis.call('ZCARD', K.session)
  if want < 2 or sessions < 2 then return want end
  local waiting = redis.call('HLEN', K.job) - redis.call('HLEN', K.run) - redis.call('ZCARD', K.delay)
  return math.min(want, math.max(1, math.ceil(waiting / sessions)))
end

-- the names that are served and have jobs that may go, by what goes first
local function open_names(serves)
  local heads, open = redis.call('ZRANGE', K.heads, 0, 999, 'WITHSCORES'), {}
  for i = 1, #heads, 2 do
    if serves(heads[i]) then open[#open + 1] = {name = heads[i], place = tonumber(heads[i + 1])} end
  end
  return open
end

-- Claims a share of the jobs that are served, of so many that are wanted; the first name that has more, nil for none.
local function claim_some(want, serves)
  local open, touched, visits = open_names(serves), {}, 0
  local most = #open > 0 and share_of(want) or 0
  while #open > 0 and #claims < most and claimed_bytes < MOST_CLAIMED and visits < MOST_VISITS do
    local first = table.remove(open, 1)
    visits = visits + 1
    first.place = take_of(first.name, most - #claims, open[1] and open[1].place or math.huge)
    touched[first.name] = first.place or false
    if first.place then insert(open, first) end
  end
  for name, place in pairs(touched) do
    if place then redis.call('ZADD', K.heads, digits(place), name) else redis.call('ZREM', K.heads, name) end
  end
  count_lanes()
  return open[1] and open[1].name
end

-- Which jobs a session gets: of the names that it serves the highest priority first, then first come, whatever the line.
-- needs: writes, mail, letters, due, settle, places, busy, lines, limit
-- At most MOST_CLAIMS jobs, about MOST_CLAIMED bytes of them, and MOST_LINES lines a script.
local MOST_CLAIMS, MOST_CLAIMED, MOST_LINES = 100, 1048576, 50
local claims, claimed_bytes = {}, 0 -- {id, job as kept, place}
local rooms, went = {}, {} -- by lane: how many more may go, which went
local touched = {} -- lines that were read; for each name its own, without a lane, among them

local function claim(id, kept, place)
  local latest = deadline_of(kept)
  if latest > 0 and latest <= now then
    settle(id, kept, 'expired', '', tonumber(redis.call('HGET', K.tries, id) or 0), 0)
    return false
  end
  claims[#claims + 1] = {id, kept, place}
  claimed_bytes = claimed_bytes + #kept
  return true
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
  local open, first, heads = {}, 0, nil
  repeat -- names that nobody serves keep their heads, so there may be many before one that is served
    heads = redis.call('ZRANGE', K.heads, first, first + 499, 'WITHSCORES')
    for i = 1, #heads, 2 do
      if serves(heads[i]) then open[#open + 1] = {name = heads[i], place = tonumber(heads[i + 1])} end
    end
    first = first + 500
  until #heads < 1000 or first >= 10000
  return open
end

local function add_line(open, key, chunk, name, lane)
  local line = open_line(key, chunk, {name = name, lane = lane, is_line = true, out = {}})
  touched[#touched + 1] = line
  if line.place then insert(open, line) end
end

-- What is first is not a line of jobs yet: a name, whose lines are opened, or the lanes of a name, the first of which is.
local function open_first(open, first, chunk)
  if first.lanes then
    local lane = next_of(first)
    if first.place then insert(open, first) end
    add_line(open, line_of(first.name, lane), chunk, first.name, lane)
    return
  end
  add_line(open, line_of(first.name, ''), chunk, first.name, '')
  local lanes = open_line(named('lanes', first.name), 16, {name = first.name, lanes = true})
  if lanes.place then insert(open, lanes) end
end

-- Whether a job of this line may go; a lane that is full is put aside.
local function has_room(line)
  if line.lane == '' then return true end
  if not rooms[line.lane] then
    rooms[line.lane] = math.min(room_of(line.lane) or math.huge, free_of(line.lane) or math.huge)
  end
  if rooms[line.lane] >= 1 then
    rooms[line.lane] = rooms[line.lane] - 1
    return true
  end
  line.is_shut = true
  return false
end

-- The next jobs that go, so many at the most: their ids, and {line, place} of each.
local function pick(open, most)
  local ids, from = {}, {}
  while #ids < most and #open > 0 and #touched < MOST_LINES do
    local first = table.remove(open, 1)
    if not first.is_line then
      open_first(open, first, most)
    elseif has_room(first) then
      from[#from + 1] = {first, digits(first.place)}
      ids[#ids + 1] = next_of(first)
      if first.place then insert(open, first) end
    end
  end
  return ids, from
end

local function take_picked(ids, from)
  local jobs = read_jobs(ids)
  for i, id in ipairs(ids) do
    local line, place = unpack(from[i])
    line.out[#line.out + 1] = id
    local goes = jobs[i] and claim(id, jobs[i], place)
    if line.lane ~= '' then
      if goes then
        went[line.lane] = went[line.lane] or {}
        table.insert(went[line.lane], id)
      else
        rooms[line.lane] = rooms[line.lane] + 1
      end
    end
  end
end

-- Claims a share of the jobs that are served, of so many that are wanted; the first name that has more, nil for none.
local function claim_some(want, serves)
  local open = open_names(serves)
  local most = #open > 0 and share_of(want) or 0
  local looked = 0 -- at jobs, those that turn out to be late included
  while #claims < most and looked < MOST_CLAIMS and claimed_bytes < MOST_CLAIMED do
    local fit = #claims > 0 and math.ceil((MOST_CLAIMED - claimed_bytes) * #claims / claimed_bytes) or PORTION
    local ids, from = pick(open, math.min(portion(), fit, most - #claims))
    if #ids == 0 then break end
    take_picked(ids, from)
    looked = looked + #ids
  end
  return open[1] and open[1].name
end

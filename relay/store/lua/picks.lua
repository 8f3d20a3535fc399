-- The ids that go next, picked from the fronts of all lines of the names that are served; at most MOST_LINES lines a script.
-- needs: prelude, busy, limit, lines, places, serving, stopped
local MOST_LINES = 50
local rooms, went = {}, {} -- by lane: how many more may go, which went
local touched = {} -- lines that were read; for each name its own, without a lane, among them

-- the names that are served, not stopped, and have jobs that may go, by what goes first
local function open_names()
  local open, first, heads = {}, 0, nil
  repeat -- names that nobody serves keep their heads, so there may be many before one that is served
    heads = redis.call('ZRANGE', K.heads, first, first + 499, 'WITHSCORES')
    for i = 1, #heads, 2 do
      if serves(heads[i]) and not stopped_since(heads[i]) then
        open[#open + 1] = {name = heads[i], place = tonumber(heads[i + 1])}
      end
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
    put_right(open)
    add_line(open, line_of(first.name, lane), chunk, first.name, lane)
    return
  end
  table.remove(open, 1)
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
    local first = open[1]
    if not first.is_line then
      open_first(open, first, most)
    elseif has_room(first) then
      from[#from + 1] = {first, place_of(first)}
      ids[#ids + 1] = next_of(first)
      put_right(open)
    else
      table.remove(open, 1)
    end
  end
  return ids, from
end

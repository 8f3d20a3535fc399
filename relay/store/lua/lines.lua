-- Lines of waiting jobs, read from their front without being changed: a line has the place of what goes first, and is put
-- right, once for all that was taken from it, at the end.
-- needs: prelude
local CHUNK, AHEAD = 64, 16 -- entries of a line that are looked at at once; at first, beyond those that are wanted

-- A line at `key`; of the members of a zset, first those with the lowest places. `place` is nil where it is over.
local function read_line(line)
  line.offset, line.at = line.offset + #line.rows / 2, 1
  line.rows = line.is_read and {} or redis.call('ZRANGE', line.key, line.offset, line.offset + line.chunk - 1, 'WITHSCORES')
  line.is_read = #line.rows < 2 * line.chunk -- to its end
  line.chunk = CHUNK
  line.place = tonumber(line.rows[2])
end

local function open_line(key, chunk, line)
  line.key, line.chunk, line.offset, line.rows = key, math.min(CHUNK, chunk + AHEAD), 0, {}
  read_line(line)
  return line
end

-- The place of what is first in a line, as digits: Redis writes large ones with an exponent.
local function place_of(line)
  local place = line.rows[line.at + 1]
  return string.find(place, 'e', 1, true) and digits(line.place) or place
end

-- what is first in a line, which goes on to the next
local function next_of(line)
  local id = line.rows[line.at]
  line.at = line.at + 2
  line.place = tonumber(line.rows[line.at + 1])
  if not line.place then read_line(line) end
  return id
end

-- puts an entry into a list that is sorted by place
local function insert(list, entry)
  local low, high = 1, #list + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if list[middle].place > entry.place then high = middle else low = middle + 1 end
  end
  table.insert(list, low, entry)
end

-- The first entry of the list has gone on: it is put where it belongs, and taken out where it is over.
local function put_right(list)
  local first, second = list[1], list[2]
  if first.place and not (second and second.place <= first.place) then return end
  table.remove(list, 1)
  if first.place then insert(list, first) end
end

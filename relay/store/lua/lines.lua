-- Lines of waiting jobs, read from their front without being changed: a line has the place of what goes first, and is put
-- right, once for all that was taken from it, at the end.
local CHUNK = 64 -- entries of a line that are looked at at once

-- A line at `key`; of the members of a zset, first those with the lowest places. `place` is nil where it is over.
local function read_line(line)
  line.offset, line.at = line.offset + #line.rows / 2, 1
  line.rows = redis.call('ZRANGE', line.key, line.offset, line.offset + line.chunk - 1, 'WITHSCORES')
  line.chunk = CHUNK
  line.place = tonumber(line.rows[2])
end

local function open_line(key, chunk, line)
  line.key, line.chunk, line.offset, line.rows = key, math.min(CHUNK, chunk), 0, {}
  read_line(line)
  return line
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

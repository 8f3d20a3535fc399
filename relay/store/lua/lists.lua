-- Lists among the arguments of a verb: rows of so many values, from an argument on.
-- needs: arrays
local function row_at(first, width) return {unpack(ARGV, first, first + width - 1)} end

-- The rows of a list that has their count in front, and where the next list begins.
local function counted_rows(at, width)
  local rows, count = {}, tonumber(ARGV[at])
  for i = 1, count do rows[i] = row_at(at + 1 + (i - 1) * width, width) end
  return rows, at + 1 + count * width
end

-- A submission among the arguments: its row, in MessagePack, and its job.
local function submission_at(place)
  local row = array_at(ARGV[place], 1, Submission.COUNT)
  row[Submission.job] = ARGV[place + 1]
  return row
end

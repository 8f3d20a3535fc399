-- What jobs have put out: `pieces` is a stream of each job that has put out something. An entry's id is the piece's place
-- (`starts-number`), its only field is named by the attempt. `logged` has, by live job, the bytes of its log, and the place of
-- the last piece. What was trimmed last is the stream's own `max-deleted-entry-id`.
-- They count as bytes of their job.
-- needs: prelude, kept
local MOST_TRIMMED = 1000 -- by one script; what is left of it is done by the next

local function read_place(id)
  local starts, number = string.match(id, '^(%d+)-(%d+)$')
  return {tonumber(starts), tonumber(number)}
end
local function is_behind(place, other)
  return place[1] > other[1] or (place[1] == other[1] and place[2] > other[2])
end
-- Whether no piece is missing between two places, as far as their numbers tell.
local function follows(place, before)
  if place[1] > before[1] then return place[2] == 1 end
  return place[1] == before[1] and place[2] == before[2] + 1
end

-- Bytes of a job's log, and the place of its last piece.
local function log_of(id)
  local size, last = string.match(redis.call('HGET', K.logged, id) or '', '^(%d+) (%S+)$')
  return tonumber(size or 0), last and read_place(last) or {0, 0}
end

local function trimmed_last(key)
  if redis.call('EXISTS', key) == 0 then return {0, 0} end
  local told = redis.call('XINFO', 'STREAM', key)
  for i = 1, #told, 2 do
    if told[i] == 'max-deleted-entry-id' then return read_place(told[i + 1]) end
  end
end

-- Drops the oldest pieces of a log until it has no more than so many, and bytes of them; how many bytes went.
local function trim(key, last, size, most, most_bytes)
  local count, freed, trimmed = redis.call('XLEN', key), 0, nil
  local over = math.max(count - most, 0)
  if count < 2 or (over == 0 and size <= most_bytes) then return 0 end
  for nth, entry in ipairs(redis.call('XRANGE', key, '-', '+', 'COUNT', math.min(count - 1, MOST_TRIMMED))) do
    if nth > over and size - freed <= most_bytes then break end
    freed, trimmed = freed + #entry[2][2], entry[1]
  end
  if not trimmed then return 0 end
  local place = read_place(trimmed)
  redis.call('XTRIM', key, 'MINID', place[1] .. '-' .. digits(place[2] + 1))
  redis.call('XSETID', key, last, 'ENTRIESADDED', redis.call('XLEN', key), 'MAXDELETEDID', trimmed)
  return freed
end

-- Rows of `Piece` after a place, whether there are more behind them, and whether some are missing in front of them.
local function pieces_after(id, place, most, most_bytes)
  local key, rows, bytes, gap = named('pieces', id), {}, 0, is_behind(trimmed_last(named('pieces', id)), place)
  local from = '(' .. digits(place[1]) .. '-' .. digits(place[2])
  local entries = redis.call('XRANGE', key, from, '+', 'COUNT', most + 1)
  for nth, entry in ipairs(entries) do
    local at, data = read_place(entry[1]), entry[2][2]
    bytes = bytes + #data
    if nth == 1 then
      gap = gap or not follows(at, place)
    elseif nth > most or bytes > most_bytes or not follows(at, place) then
      return rows, true, gap
    end
    append(rows, Piece{starts = digits(at[1]), number = digits(at[2]), attempt = entry[2][1], data = data})
    place = at
  end
  return rows, false, gap
end

-- Jobs have ended: their logs are kept as long as their outcomes.
local function part_with_logs(ids, keep)
  if redis.call('EXISTS', K.logged) == 0 then return end
  for _, id in ipairs(ids) do
    local size = log_of(id)
    if size > 0 then
      weigh(-size)
      redis.call('PEXPIRE', named('pieces', id), keep)
    end
  end
end

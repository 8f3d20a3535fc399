-- What jobs have put out: `pieces` is a stream of each job that has put out something. An entry's id is the piece's place
-- (`starts-number`), its only field is named by the attempt. `logged` has of a live job the bytes of its log, how many pieces
-- it has, and the place of the last one; `cut` is the place of the last one that is not kept any more.
-- They count as bytes of their job.
-- needs: prelude, kept
local MOST_TRIMMED = 1000 -- by one script; what is left of it is done by the next

local function read_place(text)
  local starts, number = string.match(text or '', '^(%d+)-(%d+)$')
  return {tonumber(starts or 0), tonumber(number or 0)}
end

local function place_text(place) return digits(place[1]) .. '-' .. digits(place[2]) end

local function is_behind(place, other)
  return place[1] > other[1] or (place[1] == other[1] and place[2] > other[2])
end

-- Whether no piece is missing between two places, as far as their numbers tell.
local function follows(place, before)
  if place[1] > before[1] then return place[2] == 1 end
  return place[1] == before[1] and place[2] == before[2] + 1
end

-- Bytes of a live job's log, how many pieces it has, and the place of the last one.
local function log_of(id)
  local bytes, count, last = string.match(redis.call('HGET', K.logged, id) or '', '^(%d+) (%d+) (%S+)$')
  return tonumber(bytes or 0), tonumber(count or 0), read_place(last)
end

-- Drops the oldest pieces of a log until it has no more than so many, and bytes of them: what it has then.
local function trimmed(id, bytes, count, most, most_bytes)
  if count < 2 or (count <= most and bytes <= most_bytes) then return bytes, count end
  local cut
  for _, entry in ipairs(redis.call('XRANGE', named('pieces', id), '-', '+', 'COUNT', math.min(count - 1, MOST_TRIMMED))) do
    if count <= most and bytes <= most_bytes then break end
    bytes, count, cut = bytes - #entry[2][2], count - 1, entry[1]
  end
  local place = read_place(cut)
  redis.call('XTRIM', named('pieces', id), 'MINID', place_text({place[1], place[2] + 1}))
  redis.call('SET', named('cut', id), cut)
  return bytes, count
end

-- Jobs live no more: what they have put out is kept as long as their outcomes (`keep`, ms).
local function part_with_logs(ids, keep)
  if redis.call('EXISTS', K.logged) == 0 then return end
  for _, id in ipairs(ids) do
    local bytes, count = log_of(id)
    if count > 0 then
      weigh(-bytes)
      redis.call('HDEL', K.logged, id)
      redis.call('PEXPIRE', named('pieces', id), keep)
      redis.call('PEXPIRE', named('cut', id), keep)
    end
  end
end

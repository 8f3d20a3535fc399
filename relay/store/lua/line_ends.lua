-- After claims: lines, lanes and heads are put right.
-- needs: prelude, busy, limit, picks, places, times

local function settle_lane(line)
  local lanes, lane = named('lanes', line.name), line.lane
  if line.place and rooms[lane] and rooms[lane] < 1 then line.is_shut = true end
  if line.place and not line.is_shut then
    redis.call('ZADD', lanes, digits(line.place), lane)
    return
  end
  redis.call('ZREM', lanes, lane)
  if not line.place then forget_rounds(line.name, lane) end
end

local function settle_name(name, own)
  local first = tonumber(redis.call('ZRANGE', named('lanes', name), 0, 0, 'WITHSCORES')[2])
  if own and (not first or own < first) then first = own end
  if first then redis.call('ZADD', K.heads, digits(first), name) else redis.call('ZREM', K.heads, name) end
end

local function settle_lines()
  local own = {}
  for _, line in ipairs(touched) do
    if #line.out > 0 then redis.call('ZREM', line.key, unpack(line.out)) end
    if line.lane ~= '' then settle_lane(line) else own[line.name] = line.place or false end
  end
  for name, place in pairs(own) do settle_name(name, place) end
  for lane, ids in pairs(went) do
    record(lane, #ids)
    occupy(lane, ids)
  end
  for _, line in ipairs(touched) do
    if line.is_shut then
      local _, at = room_of(line.lane)
      if most_of(line.lane) then at = math.max(at, now + FULL_LOOK) end
      at_time(K.shut, at, line.name .. ' ' .. line.lane)
    end
  end
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

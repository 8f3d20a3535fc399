-- Limits: how often something may go in any window of time, by what was declared and by what its API was learned to say.
-- A log of each scope has the times of what went. Windows are taken a little longer than they are, for what goes out at
-- once arrives one after the other; and of a short one no more than a tenth, and a little, goes in a tenth of it.
-- Jobs (whose scopes begin with @) are let go a little slower than calls, which are then seldom held up a second time.
-- needs: prelude, writes
local SHORT = 60000

-- {calls, window (ms)} of each rate that counts for a scope, and until when nobody goes
local function rates_of(scope)
  local rates = {}
  local is_lane = string.sub(scope, 1, 1) == '@'
  local slack, more = is_lane and 1.025 or 1.012, is_lane and 1 or 2
  local function count(calls, window)
    if not calls or calls < 1 or window < 1 then return end
    rates[#rates + 1] = {calls, window * slack}
    if window <= SHORT and calls >= 10 then
      rates[#rates + 1] = {math.ceil(calls / 10) + more, window * slack / 10}
    end
  end
  local name = string.match(scope, '^@(%S+)')
  local declared = name and redis.call('HGET', K.rate, name)
  if declared then
    local calls, window = string.match(declared, '^(%S+) (%S+)')
    count(tonumber(calls), tonumber(window))
  end
  local calls, window, closed = unpack(redis.call('HMGET', named('allow', scope), 'calls', 'window', 'until'))
  if calls then count(tonumber(calls), tonumber(window)) end
  return rates, tonumber(closed or 0)
end

-- how many may go now (nil: no limit is known), and when the next one may if that is none
local function room_of(scope)
  local rates, closed = rates_of(scope)
  if closed > now then return 0, closed end
  if #rates == 0 then return closed > 0 and math.huge or nil, now end
  local log, room, at = named('log', scope), math.huge, now
  for _, rate in ipairs(rates) do
    local calls, window = unpack(rate)
    room = math.min(room, calls - redis.call('ZCOUNT', log, string.format('(%.0f', now - window), '+inf'))
    local oldest = redis.call('ZREVRANGE', log, calls - 1, calls - 1, 'WITHSCORES')[2]
    if oldest then at = math.max(at, math.ceil(tonumber(oldest) + window)) end
  end
  return math.max(0, room), at
end

local function record(scope, n)
  local longest = 0
  for _, rate in ipairs(rates_of(scope)) do longest = math.max(longest, rate[2]) end
  if longest == 0 or n < 1 then return end
  local log, place, entries = named('log', scope), reserve(n), {}
  for i = 1, n do
    entries[#entries + 1] = digits(now)
    entries[#entries + 1] = digits(place + i)
  end
  each_slice(entries, 2000, function(...) redis.call('ZADD', log, ...) end)
  redis.call('ZREMRANGEBYSCORE', log, '-inf', digits(now - longest))
  redis.call('PEXPIRE', log, math.ceil(longest) + 1000)
end

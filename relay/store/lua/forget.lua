--!allow-oom
-- forget: what was learned of a scope's limit does not count any more.
-- arguments: tag, epoch, scope
-- answer:    {'OK', now, seq, 1 if anything was known of it}
-- What has gone under it stays counted, for a rate that was declared. Of a lane, the lines that its limit has shut are
-- looked at again at once, the MOST_SHUT of them that would be first.
-- needs: prelude, writes
local MOST_SHUT, CHUNK = 100000, 1000
local scope = ARG.scope
local known = redis.call('DEL', named('allow', scope))
redis.call('ZREM', K.learned, scope)

local function reopen(lane)
  for first = 0, MOST_SHUT - 1, CHUNK do
    local shut, again = redis.call('ZRANGE', K.shut, first, first + CHUNK - 1), {}
    for _, entry in ipairs(shut) do
      if string.match(entry, '^%S+ (.*)$') == lane then
        again[#again + 1] = digits(now)
        again[#again + 1] = entry
      end
    end
    if #again > 0 then redis.call('ZADD', K.shut, unpack(again)) end
    if #shut < CHUNK then return end
  end
end

if string.sub(scope, 1, 1) == '@' then reopen(scope) end
return {'OK', now, seq, known}

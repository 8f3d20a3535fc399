--!no-writes
-- learned: what APIs were learned to say of their limits, those first that are remembered longest.
-- arguments: tag, epoch, how many
-- answer:    {'OK', now, seq, scope, calls, window (ms; 0: no rate is known), pause (ms that nobody goes), …}
--@include prelude
--@include reads
local answer = {'OK', now, seq}
for _, scope in ipairs(redis.call('ZREVRANGE', K.learned, 0, tonumber(ARGV[3]) - 1)) do
  local calls, window, closed = unpack(redis.call('HMGET', named('allow', scope), 'calls', 'window', 'until'))
  if closed then
    local pause = math.max(0, tonumber(closed) - now)
    for _, value in ipairs({scope, tonumber(calls or 0), tonumber(window or 0), pause}) do answer[#answer + 1] = value end
  end
end
return answer

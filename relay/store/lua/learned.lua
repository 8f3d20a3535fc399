--!no-writes
-- learned: what APIs were learned to say of their limits, those first that are remembered longest.
-- arguments: tag, epoch, most
-- answer:    {'OK', now, seq, rows of `Learned`}: window (ms; 0: no rate is known), pause (ms that nobody goes)
-- needs: prelude, reads
local answer = {'OK', now, seq}
for _, scope in ipairs(redis.call('ZREVRANGE', K.learned, 0, tonumber(ARG.most) - 1)) do
  local calls, window, closed = unpack(redis.call('HMGET', named('allow', scope), 'calls', 'window', 'until'))
  if closed then
    local pause = math.max(0, tonumber(closed) - now)
    append(answer, Learned{scope = scope, calls = tonumber(calls or 0), window = tonumber(window or 0), pause = pause})
  end
end
return answer

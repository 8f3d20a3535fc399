--!no-writes
-- dead: the newest dead letters.
-- arguments: tag, epoch, most
-- answer:    {'OK', now, seq, rows of `Dead`}, the newest first: when it died (ms), its job as kept, the sessions that died
--            under it, whether (1) its arguments were cut
-- needs: prelude, reads
local answer = {'OK', now, seq}
for _, id in ipairs(redis.call('ZREVRANGE', K.dead, 0, tonumber(ARG.most) - 1)) do
  local packed = redis.call('HGET', K.letter, id)
  local letter = packed and cmsgpack.unpack(packed)
  if letter then append(answer, Dead{id = id, DeadJob = letter}) end
end
return answer

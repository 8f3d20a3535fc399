--!no-writes
-- dead: the newest dead jobs.
-- arguments: tag, epoch, most
-- answer:    {'OK', now, seq, rows of `Dead`}, the newest first: when it died (ms), its job as kept, the sessions that died
--            under it, whether (1) its arguments were cut, its attempts (see history.lua, '' for none)
-- needs: prelude, reads, letter
local answer = {'OK', now, seq}
for _, id in ipairs(redis.call('ZREVRANGE', K.dead, 0, tonumber(ARG.most) - 1)) do
  local letter = letter_of(id)
  if letter then append(answer, Dead{id = id, DeadJob = letter}) end
end
return answer

--!no-writes
-- dead: the newest dead letters.
-- arguments: tag, epoch, how many
-- answer:    {'OK', now, id, died at (ms), cause, job as kept, sessions that died under it, …}, the newest first
--@include prelude
local answer = {'OK', now}
for _, id in ipairs(redis.call('ZREVRANGE', K.dead, 0, tonumber(ARGV[3]) - 1)) do
  local letter = cmsgpack.unpack(redis.call('HGET', K.letter, id))
  for _, value in ipairs({id, letter[1], letter[2], letter[3], letter[4] or ''}) do answer[#answer + 1] = value end
end
return answer

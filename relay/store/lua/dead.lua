--!no-writes
-- dead: the newest dead letters.
-- arguments: tag, epoch, how many
-- answer:    {'OK', now, seq, id, died at (ms), cause, job as kept, sessions that died under it, 1 if its arguments were cut,
--             …}, the newest first
--@include prelude
--@include reads
local answer = {'OK', now, seq}
for _, id in ipairs(redis.call('ZREVRANGE', K.dead, 0, tonumber(ARGV[3]) - 1)) do
  local letter = redis.call('HGET', K.letter, id)
  if letter then
    local died, cause, kept, deaths, cut = unpack(cmsgpack.unpack(letter))
    for _, value in ipairs({id, died, cause, kept, deaths, cut}) do answer[#answer + 1] = value end
  end
end
return answer

--!no-writes
-- processes: what processes have told of themselves within the last minute, at most 50 of them.
-- arguments: tag, epoch, after (how many to leave out, of those whose names come first)
-- answer:    {'OK', now, seq, rows of `Process`}: seen (ms, when it told that)
-- needs: prelude, reads
local SILENT, MOST = 60000, 50
local answer, after = {'OK', now, seq}, tonumber(ARG.after)
local names = redis.call('ZRANGEBYSCORE', K.seen, '(' .. digits(now - SILENT), '+inf')
table.sort(names) -- their order by time changes from one call to the next
for i = after + 1, math.min(#names, after + MOST) do
  local told, seen = redis.call('HGET', K.process, names[i]), redis.call('ZSCORE', K.seen, names[i])
  append(answer, Process{name = names[i], seen = tonumber(seen), told = told or ''})
end
return answer

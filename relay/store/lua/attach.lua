--!allow-oom
-- attach: where jobs stand, and tell this inbox when they end.
-- arguments: tag, epoch, owner, inbox, ids (at most 500)
-- answer:    {'OK', now, seq, a standing for each} (see standing.lua)
--@include prelude
--@include writes
--@include places
--@include standing
--@include waiters
local inbox, found = ARGV[4], {}
for i = 5, #ARGV do
  local id = ARGV[i]
  local known = standing(id, ARGV[3])
  if known[1] == 'live' then add_waiter(id, known[3], inbox) end
  found[#found + 1] = known
end
return {'OK', now, seq, unpack(found)}

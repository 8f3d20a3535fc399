--!allow-oom
-- attach: where jobs stand, and tell this inbox when they end.
-- arguments: tag, epoch, owner, inbox, then ids (at most 50)
-- answer:    {'OK', now, seq, a standing for each} (see standing.lua), of the first ids only where they are large
-- needs: prelude, writes, portions, standing, waiters
local inbox, found = ARG.inbox, {}
for i = ARG.REST, #ARGV do
  local known, kept = standing(ARGV[i], ARG.owner)
  if kept then add_waiter(ARGV[i], kept, inbox) end
  found[#found + 1] = known
  if read_bytes >= READ_MOST then break end
end
return {'OK', now, seq, unpack(found)}

--!no-writes
-- look: where jobs stand.
-- arguments: tag, epoch, owner, then ids
-- answer:    {'OK', now, seq, a standing for each} (see standing.lua), of the first ids only where they are large
-- needs: prelude, reads, portions, standing
local found = {}
for i = ARG.REST, #ARGV do
  found[#found + 1] = standing(ARGV[i], ARG.owner)
  if read_bytes >= READ_MOST then break end
end
return {'OK', now, seq, unpack(found)}

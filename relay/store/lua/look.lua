--!no-writes
-- look: where jobs stand.
-- arguments: tag, epoch, owner, ids
-- answer:    {'OK', now, seq, a standing for each} (see standing.lua), of the first ids only where they are large
--@include prelude
--@include reads
--@include places
--@include standing
local found = {}
for i = 4, #ARGV do
  found[#found + 1] = standing(ARGV[i], ARGV[3])
  if read_bytes >= READ_MOST then break end
end
return {'OK', now, seq, unpack(found)}

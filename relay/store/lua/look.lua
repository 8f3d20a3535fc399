--!no-writes
-- look: where jobs stand.
-- arguments: tag, epoch, owner, ids (at most 500)
-- answer:    {'OK', now, seq, a standing for each} (see standing.lua)
--@include prelude
--@include reads
--@include places
--@include standing
local found = {}
for i = 4, #ARGV do found[#found + 1] = standing(ARGV[i], ARGV[3]) end
return {'OK', now, seq, unpack(found)}

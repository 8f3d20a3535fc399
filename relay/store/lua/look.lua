--!no-writes
-- look: where jobs stand.
-- arguments: tag, epoch, owner, ids
-- answer:    {'OK', now, a standing for each} (see standing.lua)
--@include prelude
--@include places
--@include standing
local found = {}
for i = 4, #ARGV do found[#found + 1] = standing(ARGV[i], ARGV[3]) end
return {'OK', now, unpack(found)}

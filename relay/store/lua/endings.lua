--!no-writes
-- endings: how jobs have ended.
-- arguments: tag, epoch, then ids (at most 50)
-- answer:    {'OK', now, seq, a state for each: '' for one that lives, or is not known}
-- needs: prelude, reads, children
local states = {}
for i = ARG.REST, #ARGV do states[#states + 1] = end_of(ARGV[i]) or '' end
return {'OK', now, seq, unpack(states)}

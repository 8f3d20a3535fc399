--!allow-oom
-- mark: a write behind which WAIT and WAITAOF tell of all that was written before.
-- arguments: tag, epoch, seen (the highest seq that the caller has heard of)
-- answer:    {'OK', now, seq}: nothing was written where seq is behind that, for then history was lost
-- It does not raise seq, so that a server which lost the end of its history is known by it until it is opened.
-- needs: prelude, reads
if seq >= tonumber(ARG.seen) then redis.call('SET', K.marked, digits(now)) end
return {'OK', now, seq}

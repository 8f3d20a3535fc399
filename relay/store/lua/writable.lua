-- writable: whether Redis would take a job now. It writes next to nothing, and has no flag: so Redis refuses it whenever
-- it refuses writes, and while there is no memory left.
-- arguments: tag, epoch
-- answer:    {'OK', now, seq}
-- needs: prelude, writes
return {'OK', now, seq}

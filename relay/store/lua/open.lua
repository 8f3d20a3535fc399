--!allow-oom
-- open: names the data set. A server that was started anew may have lost the end of its history, so its data set gets
-- another name; what is known in it stays known, but what is not is told apart from what never was.
-- arguments: a new epoch, the server's name of this run ('' if it is not known)
-- answer:    the epoch
local epoch, server = redis.call('GET', K.epoch), redis.call('GET', K.server)
if epoch and (ARGV[2] == '' or server == ARGV[2]) then return epoch end
redis.call('SET', K.epoch, ARGV[1])
redis.call('SET', K.server, ARGV[2])
return ARGV[1]

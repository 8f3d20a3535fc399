--!allow-oom
-- abroad: parents that live in other partitions and have sub-jobs here, of those that nobody has looked at lately. Whoever
-- asks looks how they stand (`endings`), and says so (`part`).
-- arguments: tag, epoch
-- answer:    {'OK', now, seq, ids, at most 50}. The same are told again after a while.
-- needs: prelude, writes, children
local MOST = 50
local ids, entries = redis.call('ZRANGEBYSCORE', K.abroad, '-inf', digits(now), 'LIMIT', 0, MOST), {}
for _, id in ipairs(ids) do append(entries, {digits(now + LOOK), id}) end
if #ids > 0 then redis.call('ZADD', K.abroad, unpack(entries)) end
return {'OK', now, seq, unpack(ids)}

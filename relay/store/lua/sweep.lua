--!allow-oom
-- sweep: what every process does every second: keeps its inbox alive (or makes it) and writes a beat into it, lets time
-- pass for jobs, reaps sessions whose lease has ended. After a time without sweeps (Redis was away, or all of us were)
-- nobody is reaped for one lease: the silence was not the workers'. Where another process has swept a moment ago, nothing
-- is done but for the inbox.
-- arguments: tag, epoch, inbox, ttl (of it, ms), begins (1: this is the first sweep of a round, 0: it goes on with what was
--            left), terms, lease (ms), most_dead (letters), oldest_dead (their age, ms), oldest_served (ms after which a job
--            that nobody serves is forgotten), silence (ms between sweeps after which all of us were away)
-- answer:    {'OK', now, seq, 1 if the inbox was there, version of the catalogue, 1 if there is more to do at once, how many
--             jobs live, bytes of them, 1 if parents in other partitions are to be looked at, how many durable jobs ended
--             UNTOLD ms ago or before and were not told of, a row of `GivenBack` for each job that was}
-- needs: prelude, beat, writes, due, given_back, letters, lost_logs, news, orphans, release, settle
local UNTOLD = 1000
redis.call('SET', K.terms, ARG.terms)
read_terms(ARG.terms)
promote()
expire()

local lease = tonumber(ARG.lease)
if now - swept > tonumber(ARG.silence) then redis.call('SET', K.quiet, digits(now + lease)) end
local late = {}
if now > tonumber(redis.call('GET', K.quiet) or 0) then
  late = redis.call('ZRANGEBYSCORE', K.session, '-inf', digits(now), 'LIMIT', 0, 100)
  for _, session in ipairs(late) do close_session(session, true) end
end
local more = release() or #late == 100
write_settled()
more = cancel_orphans() or more
part_with_lost_logs(KEEP)

if redis.call('EXISTS', K.job) == 0 then redis.call('DEL', K.bytes, K.alive) end -- whatever was miscounted
forget_letters(redis.call('ZRANGEBYSCORE', K.dead, '-inf', digits(now - tonumber(ARG.oldest_dead)), 'LIMIT', 0, 100))
local over = redis.call('ZCARD', K.dead) - tonumber(ARG.most_dead)
if over > 0 then forget_letters(redis.call('ZRANGE', K.dead, 0, math.min(100, over) - 1)) end

local forgotten = digits(now - tonumber(ARG.oldest_served))
for _, name in ipairs(redis.call('ZRANGEBYSCORE', K.served, '-inf', forgotten, 'LIMIT', 0, 10)) do
  redis.call('ZREM', K.served, name)
  redis.call('HDEL', K.serve, name)
  redis.call('HDEL', K.declared, name)
  redis.call('HDEL', K.queueof, name)
  redis.call('DEL', named('takers', name))
  redis.call('INCR', K.catalogue)
end

write_settled()
send_news()
local untold = redis.call('ZCOUNT', K.untold, '-inf', digits(now - UNTOLD))
local told = swept_up(seq, (more or next_due() == 0) and 1 or 0, redis.call('EXISTS', K.abroad), untold)
append(told, given_back)
return told

--!no-writes
-- totals: how much there is of everything, and the names of all jobs of which there is something.
-- arguments: tag, epoch
-- answer:    {'OK', now, seq, `Totals`}: untold (durable jobs that have ended and were not told of), oldest_untold (when the
--            first of these ended, ms; 0 for none), names (served within a day, or with jobs), stopped (`name NAME` or
--            `queue QUEUE`, each with since when, ms)
-- needs: prelude, reads
local found, names = {}, {}
local function collect(list, step)
  for i = 1, #list, step do
    if not found[list[i]] then
      found[list[i]] = true
      names[#names + 1] = list[i]
    end
  end
end

for _, key in ipairs({K.declared, K.later, K.graves}) do collect(redis.call('HGETALL', key), 2) end
for _, key in ipairs({K.heads, K.suspects}) do collect(redis.call('ZRANGE', key, 0, 9999), 1) end
local untold = redis.call('ZCARD', K.untold)
local first = redis.call('ZRANGE', K.untold, 0, 0, 'WITHSCORES')
return {'OK', now, seq, Totals{
  catalogue = tonumber(redis.call('GET', K.catalogue) or 0), jobs = redis.call('HLEN', K.job),
  running = redis.call('HLEN', K.run) + untold,
  scheduled = redis.call('ZCARD', K.delay), dead = redis.call('ZCARD', K.dead),
  bytes = tonumber(redis.call('GET', K.bytes) or 0), untold = untold, oldest_untold = tonumber(first[2] or 0),
  names = names, stopped = redis.call('HGETALL', K.stopped)}}

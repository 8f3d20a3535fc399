--!no-writes
-- catalogue: the jobs that workers serve or have served.
-- arguments: tag, epoch
-- answer:    {'OK', now, seq, version, rows of `Served`}: until (ms)
-- needs: prelude, reads
local jobs, rows = redis.call('HGETALL', K.serve), {}
for i = 1, #jobs, 2 do
  local till = tonumber(redis.call('ZSCORE', K.served, jobs[i]) or 0)
  append(rows, Served{name = jobs[i], text = jobs[i + 1], until_ = till})
end
return {'OK', now, seq, tonumber(redis.call('GET', K.catalogue) or 0), rows}

--!no-writes
-- catalogue: the jobs that workers serve or have served.
-- arguments: tag, epoch
-- answer:    {'OK', now, seq, version, {name, JSON, served until (ms), …}}
--@include prelude
--@include reads
local jobs, rows = redis.call('HGETALL', K.serve), {}
for i = 1, #jobs, 2 do
  rows[#rows + 1] = jobs[i]
  rows[#rows + 1] = jobs[i + 1]
  rows[#rows + 1] = tonumber(redis.call('ZSCORE', K.served, jobs[i]) or 0)
end
return {'OK', now, seq, tonumber(redis.call('GET', K.catalogue) or 0), rows}

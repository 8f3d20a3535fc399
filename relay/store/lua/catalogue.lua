--!no-writes
-- catalogue: the jobs that workers serve or have served.
-- arguments: tag, epoch
-- answer:    {'OK', now, version, name, JSON, served until (ms), …}
--@include prelude
local jobs = redis.call('HGETALL', K.serve)
local answer = {'OK', now, tonumber(redis.call('GET', K.catalogue) or 0)}
for i = 1, #jobs, 2 do
  answer[#answer + 1] = jobs[i]
  answer[#answer + 1] = jobs[i + 1]
  answer[#answer + 1] = tonumber(redis.call('ZSCORE', K.served, jobs[i]) or 0)
end
return answer

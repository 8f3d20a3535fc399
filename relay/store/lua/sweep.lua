--!allow-oom
-- sweep: what every process does every second: keeps its inbox alive (or makes it), lets time pass for jobs, reaps
-- sessions whose lease has ended. After a time without sweeps (Redis was away, or all of us were) nobody is reaped
-- for one lease: the silence was not the workers'.
-- arguments: tag, epoch, inbox, its time to live (ms), keep (ms), lease (ms), most dead letters, their age (ms)
-- answer:    {'OK', now, 1 if the inbox was there, version of the catalogue}
--@include prelude
--@include mail
--@include settle
--@include places
--@include due
--@include deaths
--@include release
local inbox, ttl, keep = named('inbox', ARGV[3]), ARGV[4], tonumber(ARGV[5])
local there = redis.call('EXISTS', inbox)
if there == 0 then redis.call('XADD', inbox, '*', '-', 'h') end
redis.call('PEXPIRE', inbox, ttl)
promote()
expire()

local lease = tonumber(ARGV[6])
local swept = tonumber(redis.call('GET', K.swept) or 0)
redis.call('SET', K.swept, string.format('%.0f', now))
if now - swept > 2000 then redis.call('SET', K.quiet, string.format('%.0f', now + lease)) end
if now > tonumber(redis.call('GET', K.quiet) or 0) then
  local late = {}
  for _, session in ipairs(redis.call('ZRANGEBYSCORE', K.session, '-inf', string.format('%.0f', now))) do
    late[session] = true
  end
  if next(late) then release(function(session) return late[session] end, true) end
end

local function forget_letters(ids)
  if #ids == 0 then return end
  redis.call('ZREM', K.dead, unpack(ids))
  redis.call('HDEL', K.letter, unpack(ids))
end
local oldest = string.format('%.0f', now - tonumber(ARGV[8]))
forget_letters(redis.call('ZRANGEBYSCORE', K.dead, '-inf', oldest, 'LIMIT', 0, 100))
local over = redis.call('ZCARD', K.dead) - tonumber(ARGV[7])
if over > 0 then forget_letters(redis.call('ZRANGE', K.dead, 0, math.min(100, over) - 1)) end

write_settled(keep)
send_mail()
return {'OK', now, there, tonumber(redis.call('GET', K.catalogue) or 0)}

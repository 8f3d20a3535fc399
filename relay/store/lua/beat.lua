-- What each process has of its own sweep, before all that any process does for all: its inbox is kept alive (or made), and
-- gets a beat. Where another process has swept a moment ago, that is all: what stands below of the script is not even read.
-- arguments: tag, epoch, inbox, ttl (of it, ms), begins (0: this sweep goes on with what the last one left), then what else a
--            sweep takes
-- needs: prelude
local SOON = 500 -- ms
local inbox = named('inbox', ARG.inbox)
local there = redis.call('EXISTS', inbox)
redis.call('XADD', inbox, '*', '-', Mail.BEAT)
redis.call('PEXPIRE', inbox, ARG.ttl)

-- more: 1 if there is more to do at once · abroad: 1 if parents in other partitions are to be looked at
-- untold: how many durable jobs ended a while ago and were not told of
local function swept_up(how_far, more, abroad, untold)
  return {'OK', now, how_far, there, tonumber(redis.call('GET', K.catalogue) or 0), more, redis.call('HLEN', K.job),
    tonumber(redis.call('GET', K.bytes) or 0), abroad, untold}
end

local swept = tonumber(redis.call('GET', K.swept) or 0)
if ARG.begins == '1' and now - swept < SOON and redis.call('GET', K.sweeper) ~= ARG.inbox then
  return swept_up(tonumber(redis.call('GET', K.seq) or 0), 0, 0, 0)
end
redis.call('SET', K.swept, digits(now))
redis.call('SET', K.sweeper, ARG.inbox)

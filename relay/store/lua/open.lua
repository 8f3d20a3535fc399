--!allow-oom
-- open: names the data set. One that may have lost the end of its history gets another name: what is known in it stays
-- known, but what is not is told apart from what never was.
-- arguments: new_epoch, server (its name of this run, '' if it is not known), seen (the highest seq that the caller has
--            heard of, -1 for none), known (the epoch that the caller knew, '' for none), partitions (of the store), makes
--            ('0': the caller has not learned that this number is right)
-- answer:    {the epoch, seq}
-- History may be lost where the server is another run, or another one, than the epoch was made for, and where seq is
-- behind what was heard. Who does not know the server has to suspect it each time. An epoch that has changed since the
-- caller knew it tells of that loss already. They come together, so an epoch of the last 2 s is not renewed for them.
-- Where there is no data set, and makes is '0', none is made: {'NONE'}.
-- A data set whose keys are laid out otherwise belongs to another version of relay, or was made for another number of
-- partitions: {'LAYOUT', its layout}. The first version kept no `layout`; it is known by the set `queues`.
local LAYOUT = '2'
local layout = ARG.partitions == '1' and LAYOUT or LAYOUT .. '/' .. ARG.partitions
local kept = redis.call('EXISTS', K.queues) == 1 and '1' or redis.call('GET', K.layout)
if not kept and ARG.makes == '0' then return {'NONE'} end
if kept and kept ~= layout then return {'LAYOUT', kept} end

local epoch, seq = redis.call('GET', K.epoch), tonumber(redis.call('GET', K.seq) or 0)
local server, seen = ARG.server, tonumber(ARG.seen)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local is_fresh = now - tonumber(redis.call('GET', K.renewed) or 0) < 2000

local function may_have_lost()
  if not epoch then return true end
  if server ~= '' and redis.call('GET', K.server) ~= server then return true end
  if is_fresh then return false end
  return ARG.known == epoch and (seen > seq or server == '')
end

if not may_have_lost() then return {epoch, seq} end
redis.call('SET', K.epoch, ARG.new_epoch)
redis.call('SET', K.layout, layout)
redis.call('SET', K.renewed, string.format('%.0f', now))
if server ~= '' then redis.call('SET', K.server, server) end
return {ARG.new_epoch, seq}

--!no-writes
-- busy_names: of which names some of the jobs are that run.
-- arguments: tag, epoch, cursor ('0' at first)
-- answer:    {'OK', now, seq, the next cursor ('0': that was all), then names, each with how many of them run}; '' stands for
--            those that an earlier version claimed
-- needs: prelude, reads, runs
local SOME = 500
local cursor, runs = unpack(redis.call('HSCAN', K.run, ARG.cursor, 'COUNT', SOME))
local counts, rows = {}, {}
for i = 2, #runs, 2 do
  local name = name_of_run(runs[i]) or ''
  counts[name] = (counts[name] or 0) + 1
end
for name, count in pairs(counts) do append(rows, {name, count}) end
return {'OK', now, seq, cursor, unpack(rows)}

--!no-writes
-- tallies: what waits of each name. Exact but for a name with more lanes than are looked at (100 open ones, and 100 that are
-- shut): there those that were looked at stand for all.
-- arguments: tag, epoch, then names (at most 20)
-- answer:    {'OK', now, seq, rows of `Tally`}, of the first names only where jobs are large: queue ('' where nobody has
--            declared it and nothing waits), oldest (when the first was made that is in front of a line, ms; 0 for none),
--            limited (those of `waiting` in shut lanes), served (until when a worker has promised to be there, ms)
-- needs: prelude, reads, jobs, places, portions
local MOST_LANES, MOST_SHUT = 100, 1000

-- The lanes of each name that are shut, of those that are looked at again first; how many there are for one of these.
local function read_shut()
  local entries, lanes = redis.call('ZRANGE', K.shut, 0, MOST_SHUT - 1), {}
  for _, entry in ipairs(entries) do
    local name, lane = string.match(entry, '^(%S+) (.*)$')
    if name then
      lanes[name] = lanes[name] or {}
      table.insert(lanes[name], lane)
    end
  end
  return lanes, #entries > 0 and redis.call('ZCARD', K.shut) / #entries or 1
end

-- How many jobs are in so many lanes, of which these are some.
local function count_lanes(name, lanes, of)
  local jobs, looked = 0, math.min(#lanes, MOST_LANES)
  for i = 1, looked do jobs = jobs + redis.call('ZCARD', line_of(name, lanes[i])) end
  return looked > 0 and math.floor(jobs * of / looked + 0.5) or 0
end

-- When the first job was made that waits, of those at the front of each line; the queue of the name, else of that job.
local function oldest_of(name, open, shut)
  local fronts, ids = {named('suspect', name), line_of(name, '')}, {}
  for _, lane in ipairs({open[1] or shut[1], shut[1]}) do fronts[#fronts + 1] = line_of(name, lane) end
  for _, key in ipairs(fronts) do append(ids, redis.call('ZRANGE', key, 0, 0)) end
  local oldest, queue = 0, nil
  for _, kept in ipairs(#ids > 0 and read_jobs(ids) or {}) do
    local made = kept and created_of(kept) or 0
    if made > 0 and (oldest == 0 or made < oldest) then oldest, queue = made, fields_of(kept)[Job.queue] end
  end
  return oldest, redis.call('HGET', K.queueof, name) or queue or ''
end

local answer, shut_lanes, each = {'OK', now, seq}, read_shut()
for i = ARG.REST, #ARGV do
  local name, shut = ARGV[i], shut_lanes[ARGV[i]] or {}
  local open = redis.call('ZRANGE', named('lanes', name), 0, MOST_LANES - 1)
  local limited = count_lanes(name, shut, #shut * each)
  local waiting = limited + redis.call('ZCARD', line_of(name, '')) + redis.call('ZCARD', named('suspect', name))
    + count_lanes(name, open, redis.call('ZCARD', named('lanes', name)))
  local oldest, queue = oldest_of(name, open, shut)
  append(answer, Tally{
    name = name, queue = queue, waiting = waiting, oldest = oldest, limited = limited,
    scheduled = tonumber(redis.call('HGET', K.later, name) or 0), dead = tonumber(redis.call('HGET', K.graves, name) or 0),
    served = tonumber(redis.call('ZSCORE', K.served, name) or 0)})
  if read_bytes >= READ_MOST then break end
end
return answer

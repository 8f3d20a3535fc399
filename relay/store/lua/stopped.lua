-- Names and queues of which no job begins, as an operator has said: `stopped` is read once by a script that asks.
local stopped, has_queues = nil, false -- by `name NAME` or `queue QUEUE` since when (ms)

local function read_stopped()
  stopped = {}
  local all = redis.call('HGETALL', K.stopped)
  for i = 1, #all, 2 do
    stopped[all[i]] = tonumber(all[i + 1])
    has_queues = has_queues or string.sub(all[i], 1, 6) == 'queue '
  end
end

-- Since when nothing of this name begins, nil where it does.
local function stopped_since(name)
  if not stopped then read_stopped() end
  local since = stopped['name ' .. name]
  if since or not has_queues then return since end
  return stopped['queue ' .. (redis.call('HGET', K.queueof, name) or '')]
end

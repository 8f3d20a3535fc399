-- How often jobs that live were started.
-- needs: runs
local function starts_of(id)
  local run = redis.call('HGET', K.run, id)
  local _, _, attempt = read_run(run or '')
  local counted = attempt or tonumber(redis.call('HGET', K.tries, id) or 0)
  return counted + tonumber(redis.call('HGET', K.uncounted, id) or 0)
end

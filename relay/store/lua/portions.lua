-- Jobs are read in portions, so that large ones do not make a script long: one at first, then as many as their size
-- allows. READ_MOST: bytes of jobs that one script reads, roughly.
local READ_MOST, PORTION = 2097152, 64
local read_count, read_bytes = 0, 0
local function portion()
  if read_count == 0 then return 1 end
  local average = read_bytes / read_count + 1
  return math.max(1, math.min(PORTION, math.floor((READ_MOST - read_bytes) / average)))
end

local function read_jobs(ids)
  local jobs = redis.call('HMGET', K.job, unpack(ids))
  for i = 1, #ids do
    if jobs[i] then read_bytes = read_bytes + #jobs[i] end
  end
  read_count = read_count + #ids
  return jobs
end

-- Calls with each id and its job (false: there is none), until enough was read; how many ids were reached.
local function each_job(ids, call)
  local first = 1
  while first <= #ids and read_bytes < READ_MOST do
    local some = {unpack(ids, first, math.min(#ids, first + portion() - 1))}
    local jobs = read_jobs(some)
    for i, id in ipairs(some) do call(id, jobs[i], first + i - 1) end
    first = first + #some
  end
  return first - 1
end

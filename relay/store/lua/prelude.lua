-- What every script starts with. Arguments 1 and 2 of each are the partition's tag and the epoch.
-- A script that was meant for another data set does nothing and says which one this is: {'EPOCH', epoch}.
local epoch = redis.call('GET', K.epoch)
if epoch ~= ARGV[2] then return {'EPOCH', epoch or ''} end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function named(family, name) return TAG .. family .. ':' .. name end
local function digits(number) return string.format('%.0f', number) end -- Lua's own way keeps 14 of them

-- Calls a command with many trailing values, in slices that fit Lua's stack (`unpack` fails at 8,000).
local function each_slice(values, size, call)
  for first = 1, #values, size do
    call(unpack(values, first, math.min(first + size - 1, #values)))
  end
end

-- A job as it is kept: created (13 digits), deadline (13 digits), MessagePack of relay.state.Job.
local NAME, OWNER, INBOX, PRIORITY, ATTEMPTS, KEY, FINGERPRINT, ONCE = 1, 3, 4, 5, 6, 7, 8, 9
local TRACE, ARGUMENTS, LANE, THEN = 10, 11, 12, 13
local function created_of(kept) return tonumber(string.sub(kept, 1, 13)) or 0 end
local function deadline_of(kept) return tonumber(string.sub(kept, 14, 26)) or 0 end
local UNREADABLE = {'', '', '', '', 0, 1, '', '', false, '', '', ''} -- nobody serves that name; the others go on
local function fields_of(kept)
  local is_job, job = pcall(cmsgpack.unpack, string.sub(kept, 27))
  if is_job and type(job) == 'table' and #job >= LANE then return job end
  return UNREADABLE
end

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

-- The id of the job that gets the outcome of another.
local function following_id(id) return id .. '-then' end

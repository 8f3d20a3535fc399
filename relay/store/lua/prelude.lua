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
local function created_of(kept) return tonumber(string.sub(kept, 1, 13)) end
local function deadline_of(kept) return tonumber(string.sub(kept, 14, 26)) end
local function fields_of(kept) return cmsgpack.unpack(string.sub(kept, 27)) end

-- The id of the job that gets the outcome of another.
local function following_id(id) return id .. '-then' end

-- What every script starts with. Arguments 1 and 2 of each are the partition's tag and the epoch.
-- A script that was meant for another data set does nothing and says which one this is: {'EPOCH', epoch}.
local epoch = redis.call('GET', K.epoch)
if epoch ~= ARGV[2] then return {'EPOCH', epoch or ''} end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function digits(number) return string.format('%.0f', number) end -- Lua's own way keeps 14 of them

local function append(list, values)
  for _, value in ipairs(values) do list[#list + 1] = value end
end

-- Calls a command with many trailing values, in slices that fit Lua's stack (`unpack` fails at 8,000).
local function each_slice(values, size, call)
  for first = 1, #values, size do
    call(unpack(values, first, math.min(first + size - 1, #values)))
  end
end

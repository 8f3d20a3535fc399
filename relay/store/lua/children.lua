-- Sub-jobs: a job that ends otherwise than well takes along those of its sub-jobs that live and are not detached (a job's
-- `Job.parent` says so). `children` has their ids, `parents` the live jobs that have some, `orphans` those that ended so.
-- A parent may live in another partition than its sub-job. It can't tell here that it has ended, so `abroad` has when it is
-- to be looked at next (see `abroad.lua`).
-- needs: prelude, spoilt
local born = {} -- of this script: by parent, a score and an id for each
local has_orphans = false -- whether this script has made some

local LOOK = 2000 -- ms
local function is_abroad(parent)
  local here = string.match(ARGV[1], '%.r(%d+)') or string.match(ARGV[1], '^{r(%d+)')
  return string.match(parent, '^%d+') ~= here
end

local function add_child(parent, id)
  if not parent or parent == '' then return end
  born[parent] = born[parent] or {}
  append(born[parent], {0, id})
end

-- How a job has ended, as far as that is kept; nil for one that lives, or is not known (the store has lost it).
local function end_of(id)
  if redis.call('HEXISTS', K.job, id) == 1 then return nil end
  local outcome = unless_spoilt(redis.pcall('GET', named('result', id)), false)
  return outcome and cmsgpack.unpack(outcome)[Outcome.state] or nil
end

local function write_children()
  for parent, ids in pairs(born) do
    local abroad = is_abroad(parent)
    local state = not abroad and end_of(parent) or nil
    if abroad then redis.call('ZADD', K.abroad, 'NX', digits(now + LOOK), parent) end
    if state ~= 'succeeded' then
      redis.call('HSET', K.parents, parent, '1')
      each_slice(ids, 2000, function(...) unless_spoilt(redis.pcall('ZADD', named('children', parent), ...)) end)
      if state then redis.call('ZADD', K.orphans, 0, parent) end
    end
  end
  born = {}
end

local function forget_children(parent)
  redis.call('DEL', named('children', parent))
  redis.call('HDEL', K.parents, parent)
  redis.call('ZREM', K.orphans, parent)
  if is_abroad(parent) then redis.call('ZREM', K.abroad, parent) end
end

-- A sub-job has ended.
local function remove_child(parent, id)
  if not parent or parent == '' then return end
  if unless_spoilt(redis.pcall('ZREM', named('children', parent), id), 0) == 0 then return end
  if redis.call('EXISTS', named('children', parent)) == 0 then forget_children(parent) end
end

-- Jobs have ended, of which some may be parents.
local function part_with_children(ids, states)
  for i, has in ipairs(redis.call('HMGET', K.parents, unpack(ids))) do
    if has and states[i] == 'succeeded' then
      forget_children(ids[i])
    elseif has then
      redis.call('ZADD', K.orphans, 0, ids[i])
      has_orphans = true
    end
  end
end

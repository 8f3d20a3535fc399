-- Cancels the sub-jobs of jobs that ended otherwise than well, at most MOST_ORPHANS a script.
-- needs: cancel_job, children, portions
local MOST_ORPHANS = 50

-- Whether some are left.
local function cancel_orphans()
  local parent = redis.call('SRANDMEMBER', K.orphans)
  if not parent then return false end
  local key = named('children', parent)
  local ids = redis.call('SRANDMEMBER', key, MOST_ORPHANS)
  local reached = #ids > 0 and each_job(ids, function(id, kept)
    if kept then cancel_job(id, kept) end
  end) or 0
  if reached > 0 then redis.call('SREM', key, unpack(ids, 1, reached)) end
  if redis.call('EXISTS', key) == 0 then forget_children(parent) end
  return redis.call('EXISTS', K.orphans) == 1
end

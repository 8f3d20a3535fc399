-- Cancels the sub-jobs of jobs that ended otherwise than well, at most MOST_ORPHANS a script.
-- needs: cancel_job, children, portions, settle, spoilt
local MOST_ORPHANS = 50

-- Whether some are left.
local function cancel_orphans()
  local parent = redis.call('ZRANGE', K.orphans, 0, 0)[1]
  if not parent then return false end
  local key = named('children', parent)
  local ids = unless_spoilt(redis.pcall('ZRANGE', key, 0, MOST_ORPHANS - 1), {})
  local reached = #ids > 0 and each_job(ids, function(id, kept)
    if kept then cancel_job(id, kept) end
  end) or 0
  if reached > 0 then redis.call('ZREM', key, unpack(ids, 1, reached)) end
  if #ids == 0 or redis.call('EXISTS', key) == 0 then forget_children(parent) end
  return redis.call('EXISTS', K.orphans) == 1
end

-- Writes what was settled, and cancels the sub-jobs that have become orphans by that; the sweep does what is left.
local function write_settled_with_orphans()
  write_settled()
  if has_orphans then
    cancel_orphans()
    write_settled()
  end
end

-- What is kept of jobs that live no more, and that nobody has parted with: an earlier version beside this one does not.
-- needs: prelude, logs
local function part_with_lost_logs(keep)
  if redis.call('EXISTS', K.logged, K.listen) == 0 then return end
  for _, key in ipairs({K.logged, K.listen}) do
    local ids, gone = redis.call('HRANDFIELD', key, 20), {}
    local jobs = #ids > 0 and redis.call('HMGET', K.job, unpack(ids)) or {}
    for nth, id in ipairs(ids) do
      if not jobs[nth] then gone[#gone + 1] = id end
    end
    part_with_logs(gone, keep)
    if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
  end
end

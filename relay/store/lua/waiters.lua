-- Who is told when a job ends, beyond the inbox that it was submitted from.
-- needs: jobs
local function add_waiter(id, kept, inbox)
  if inbox == '' then return end
  redis.call('HDEL', K.left, id)
  if (kept and fields_of(kept)[Job.inbox] == inbox) then return end
  local waiting = redis.call('HGET', K.wait, id)
  if waiting and string.find(waiting, inbox, 1, true) then return end
  redis.call('HSET', K.wait, id, waiting and waiting .. ' ' .. inbox or inbox)
end

-- Where jobs wait to be taken: in their queue, or in a lane of it, which lets go of them no faster than its limits allow.
-- needs: prelude
local function place_key(job)
  if job[LANE] == '' then return named('ready', job[QUEUE]) end
  return named('lane', job[QUEUE] .. ':' .. job[LANE])
end

local function enqueue(id, job, place)
  redis.call('ZADD', place_key(job), place, id)
  if job[LANE] ~= '' then redis.call('ZADD', named('lanes', job[QUEUE]), 'NX', 0, job[LANE]) end
end

local function dequeue(id, job)
  for _, key in ipairs({place_key(job), named('suspect', job[QUEUE]), K.delay, K.deadline}) do
    redis.call('ZREM', key, id)
  end
end

-- Who listens to jobs that live: inboxes that are told of more than the end. `listen` has them, by job.
-- needs: prelude
local has_listeners -- whether there is one at all; nil: nobody has looked yet

local function listeners_of(id)
  if has_listeners == nil then has_listeners = redis.call('EXISTS', K.listen) == 1 end
  return has_listeners and redis.call('HGET', K.listen, id) or nil
end

local function listen(id, inbox)
  local listening = redis.call('HGET', K.listen, id)
  if listening and string.find(' ' .. listening .. ' ', ' ' .. inbox .. ' ', 1, true) then return end
  redis.call('HSET', K.listen, id, listening and listening .. ' ' .. inbox or inbox)
end

local function listen_no_more(id, inbox)
  local left = {}
  for listening in string.gmatch(listeners_of(id) or '', '%S+') do
    if listening ~= inbox then left[#left + 1] = listening end
  end
  if #left > 0 then redis.call('HSET', K.listen, id, table.concat(left, ' ')) else redis.call('HDEL', K.listen, id) end
end

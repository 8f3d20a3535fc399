-- Who listens to jobs that live: inboxes that are told of more than the end. `listen` has them, by job.
-- needs: prelude, mail
local has_listeners -- whether there is one at all; nil: nobody has looked yet
local listening = {} -- of this script: by job, its inboxes after spaces, or false

-- A script has found that there is no such key.
local function nobody_listens() has_listeners = false end

-- Looks for those of several jobs at once.
local function look_for_listeners(ids)
  if #ids == 0 then return end
  if has_listeners == nil then has_listeners = redis.call('EXISTS', K.listen) == 1 end
  if not has_listeners then return end
  each_slice(ids, 2000, function(...)
    local found = redis.call('HMGET', K.listen, ...)
    for nth, id in ipairs({...}) do listening[id] = found[nth] end
  end)
end

local function listeners_of(id)
  if has_listeners ~= false and listening[id] == nil then look_for_listeners({id}) end
  return listening[id] or nil
end

local function post_to_listeners(id, kind, told)
  local text
  for inbox in string.gmatch(listeners_of(id) or '', '%S+') do
    text = text or kind .. cmsgpack.pack(told)
    post(inbox, id, text)
  end
end

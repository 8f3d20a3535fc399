-- Who listens to jobs that live: inboxes that are told of more than the end. `listen` has them, by job.
-- One whose process does not read what it is told hears of a job, at last, that there is more, and then of its end only: it
-- reads the rest where that is kept, and so listens again. PILED is no hard limit: what piles up is taken to be as large as
-- what comes now (25 MiB were seen; docs/events.md).
-- needs: prelude, mail, spoilt
local PILED, MOST_UNREAD = 8388608, 10000 -- bytes, as if all that is unread were as large as what comes now; messages
local unread, posted = {}, {} -- by inbox: how many messages are in it, and bytes that this script adds
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

local function is_piled(inbox, size)
  if not unread[inbox] then unread[inbox] = unless_spoilt(redis.pcall('XLEN', named('inbox', inbox)), 0) end
  posted[inbox] = (posted[inbox] or 0) + size
  return unread[inbox] > MOST_UNREAD or unread[inbox] * posted[inbox] > PILED
end

local function listen_no_more(id, left)
  listening[id] = #left > 0 and table.concat(left, ' ') or false
  if listening[id] then redis.call('HSET', K.listen, id, listening[id]) else redis.call('HDEL', K.listen, id) end
end

local function post_to_listeners(id, kind, told)
  local text, left, all = nil, {}, 0
  for inbox in string.gmatch(listeners_of(id) or '', '%S+') do
    text, all = text or kind .. cmsgpack.pack(told), all + 1
    if is_piled(inbox, #text) then
      post(inbox, id, Mail.PIECES)
    else
      post(inbox, id, text)
      left[#left + 1] = inbox
    end
  end
  if #left < all then listen_no_more(id, left) end
end

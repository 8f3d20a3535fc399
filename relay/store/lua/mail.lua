-- Mail to processes: collected while a script runs, one entry for each inbox at its end.
-- An inbox that does not exist is never made by a writer: its owner is gone, or will make it and attach.
local mail = {}

local function post(inbox, id, text)
  local entries = mail[inbox]
  if not entries then
    entries = {}
    mail[inbox] = entries
  end
  entries[#entries + 1] = id
  entries[#entries + 1] = text
end

local function send_mail()
  for inbox, entries in pairs(mail) do
    each_slice(entries, 2000, function(...)
      redis.call('XADD', named('inbox', inbox), 'NOMKSTREAM', '*', ...)
    end)
  end
end

local function process_of(session) return string.match(session, '^(.*)%.%d+$') end

-- Wakes idle sessions of a queue, at most as many as there is new work for.
local function wake(queue, most)
  local idle = redis.call('HRANDFIELD', named('idle', queue), most)
  if #idle == 0 then return end
  redis.call('HDEL', named('idle', queue), unpack(idle))
  for _, session in ipairs(idle) do post(process_of(session), '-', 'w') end
end

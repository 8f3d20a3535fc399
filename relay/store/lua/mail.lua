-- Mail to processes: collected while a script runs, one entry for each inbox at its end.
-- An inbox that does not exist is never made by a writer: its owner is gone, or will make it and attach.
-- needs: prelude, spoilt
local mail, wanted = {}, {}

local function post(inbox, id, text)
  local entries = mail[inbox]
  if not entries then
    entries = {}
    mail[inbox] = entries
  end
  entries[#entries + 1] = id
  entries[#entries + 1] = text
end

local function process_of(session) return string.match(session, '^(.*)%.%d+$') end

-- There is new work of a name: as many idle sessions that serve it are woken when the script ends.
local function wake(name, most) wanted[name] = (wanted[name] or 0) + most end

local function wake_idle(name, most)
  for _, roster in ipairs(redis.call('ZRANGEBYSCORE', named('takers', name), '(' .. digits(now), '+inf')) do
    local idle = redis.call('HRANDFIELD', named('idle', roster), most)
    if #idle > 0 then redis.call('HDEL', named('idle', roster), unpack(idle)) end
    for _, session in ipairs(idle) do post(process_of(session), '-', Mail.WAKE) end
    most = most - #idle
    if most < 1 then return end
  end
end

local function send_mail()
  for name, most in pairs(wanted) do wake_idle(name, math.min(most, 1000)) end
  for inbox, entries in pairs(mail) do
    each_slice(entries, 2000, function(...)
      unless_spoilt(redis.pcall('XADD', named('inbox', inbox), 'NOMKSTREAM', '*', ...))
    end)
  end
end

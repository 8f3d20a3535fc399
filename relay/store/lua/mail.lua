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

-- Sessions that serve a name and wait for jobs, so many at the most, with what they said in their last turns. They are not
-- idle any more: they are about to be told something.
local function take_idle(name, most)
  local taken = {}
  for _, roster in ipairs(redis.call('ZRANGEBYSCORE', named('takers', name), '(' .. digits(now), '+inf')) do
    local idle, key = redis.call('HRANDFIELD', named('idle', roster), most, 'WITHVALUES'), named('idle', roster)
    for i = 1, #idle, 2 do
      redis.call('HDEL', key, idle[i])
      taken[#taken + 1] = {idle[i], idle[i + 1]}
    end
    most = most - #idle / 2
    if most < 1 then break end
  end
  return taken
end

local function wake_session(session) post(process_of(session), '-', Mail.WAKE) end

local function send_mail()
  for name, most in pairs(wanted) do
    for _, idle in ipairs(take_idle(name, math.min(most, 1000))) do wake_session(idle[1]) end
  end
  for inbox, entries in pairs(mail) do
    each_slice(entries, 2000, function(...)
      unless_spoilt(redis.pcall('XADD', named('inbox', inbox), 'NOMKSTREAM', '*', ...))
    end)
  end
end

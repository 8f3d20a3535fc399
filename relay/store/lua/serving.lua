-- Which names a session serves: those of its roster whose declaration is the one that counts. (Before any was published,
-- each does.)
local served_by, served_names = nil, nil -- session; the words of its roster, false where somebody took it away
local function serve_as(session) served_by = session end

local function serves(name)
  if served_names == nil then served_names = redis.call('HGET', K.roster, served_by) end
  if not served_names then -- the next turn is fenced, and the worker says it again
    redis.call('HDEL', K.turn, served_by)
    return false
  end
  if not string.find(served_names, ' ' .. name .. '=', 1, true) then return false end
  local mark = string.match(redis.call('HGET', K.declared, name) or '', '^%S+')
  return not mark or string.find(served_names, ' ' .. name .. '=' .. mark .. ' ', 1, true)
end

local function has_roster() return served_names ~= false end

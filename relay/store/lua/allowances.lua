-- What callers may take, as `caller` of a row says it, ``calls window queued size name`` and the owner: so many new jobs at
-- once, and then one more in each window/calls ms (a window of 0: any number); so many that live at once (0: not counted).
-- The name has `size` bytes, and may have spaces. The owner, if any, is whose turn it is, see `fair.lua`.
-- A rate is one number for each caller: the time (ms) until which what it took lasts, were it spread evenly. That differs
-- from the log of `limit.lua`, which spreads bursts, since an API would refuse them, and has an entry for each start: here a
-- burst harms nobody, and a log would cost each submission another entry.
-- needs: prelude, alive
local allowances, callers = {}, {} -- of this script: by `caller` of a row, by name

-- Of a caller: ms that its time is `ahead` of now, and whether some were added; how many jobs `live`, and were `added`.
local function caller_named(name)
  callers[name] = callers[name] or {added = 0}
  return callers[name]
end

local function allowance_of(text)
  if allowances[text] then return allowances[text] end
  local calls, window, most, size, names = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (.*)$')
  local name, owner = string.sub(names, 1, tonumber(size)), string.sub(names, tonumber(size) + 1)
  local caller = caller_named(name)
  local allowed = {caller = caller, owner = owner, window = tonumber(window), most = tonumber(most)}
  if allowed.window > 0 then
    allowed.each = allowed.window / tonumber(calls)
    local ahead = caller.ahead or tonumber(redis.call('GET', named('pace', name)) or 0) - now
    caller.ahead = math.max(0, math.min(ahead, allowed.window)) -- not above: the window was a longer one before
  end
  if allowed.most > 0 then caller.live = caller.live or tonumber(redis.call('HGET', K.alive, name) or 0) end
  allowances[text] = allowed
  return allowed
end

-- The answer if a caller has called too often.
local function slowed(allowed)
  local each = allowed.each
  local wait = each and allowed.caller.ahead + each - allowed.window
  if wait and wait > each / 10 then return {'slow', math.ceil(wait)} end -- a tenth: what is kept is rounded
end

local function count_call(allowed)
  local caller, each = allowed.caller, allowed.each
  if each then caller.ahead, caller.is_paced = caller.ahead + each, true end
end

-- A caller adds a job; the answer if it may not.
local function admit(allowed)
  local caller = allowed.caller
  if allowed.most > 0 and caller.live >= allowed.most then return Receipt{known = 'crowded'} end
  local refused = slowed(allowed)
  if refused then return refused end
  count_call(allowed)
  if allowed.most > 0 then caller.live, caller.added = caller.live + 1, caller.added + 1 end
end

local function write_admitted()
  for name, caller in pairs(callers) do
    lives(name, caller.added)
    if caller.is_paced then
      local lasts = string.format('%.3f', now + caller.ahead)
      redis.call('SET', named('pace', name), lasts, 'PX', digits(math.ceil(caller.ahead)))
    end
  end
  write_alive()
end

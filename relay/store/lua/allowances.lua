-- What callers may take, as `limits` of a row says it: ``calls window queued caller``: so many new jobs at once, and then one
-- more in each window/calls ms; so many that live at once (0: not counted). The name comes last: it may have spaces.
-- A rate is one number for each caller: the time (ms) until which what it took lasts, were it spread evenly. That differs
-- from the log of `limit.lua`, which spreads bursts, since an API would refuse them, and has an entry for each start: here a
-- burst harms nobody, and a log would cost each submission another entry.
-- needs: prelude, alive
local allowances = {} -- of this script: by `limits`
local ahead, paced, living = {}, {}, {} -- by caller: ms that its time is ahead of now; whether that is new; live jobs

local function allowance_of(limits)
  local known = allowances[limits]
  if known then return known end
  local calls, window, most, caller = string.match(limits, '^(%d+) (%d+) (%d+) (.*)$')
  known = {caller = caller, window = tonumber(window), most = tonumber(most)}
  if known.window > 0 then
    known.each = known.window / tonumber(calls)
    local taken = ahead[caller] or tonumber(redis.call('GET', named('pace', caller)) or 0) - now
    ahead[caller] = math.max(0, math.min(taken, known.window)) -- not above: the window was a longer one before
  end
  if known.most > 0 then living[caller] = living[caller] or tonumber(redis.call('HGET', K.alive, caller) or 0) end
  allowances[limits] = known
  return known
end

-- Why this caller may not add a job now; nil where it may.
local function refusal(allowed)
  local caller, each = allowed.caller, allowed.each
  if allowed.most > 0 and living[caller] >= allowed.most then return Receipt{known = 'crowded'} end
  local wait = each and ahead[caller] + each - allowed.window or 0
  if each and wait > each / 10 then return {'slow', math.ceil(wait)} end -- a tenth: what is kept is rounded
end

-- It adds one.
local function take_place(allowed)
  local caller = allowed.caller
  if allowed.each then ahead[caller], paced[caller] = ahead[caller] + allowed.each, true end
  if allowed.most > 0 then
    living[caller] = living[caller] + 1
    lives(caller, 1)
  end
end

local function write_paces()
  for caller in pairs(paced) do
    local left = ahead[caller]
    redis.call('SET', named('pace', caller), string.format('%.3f', now + left), 'PX', digits(math.ceil(left)))
  end
end

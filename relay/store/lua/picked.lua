-- Which jobs an operator means, and the rows that show them; '' and 0 exclude none.
-- needs: prelude
local wanted = {} -- see relay.store.found.Wanted

-- The queue of a name as it is declared now, in which it is paused; `own` where it is not declared any more.
local function queue_of(name, own) return redis.call('HGET', K.queueof, name) or own end

local function begins(text, with) return string.sub(text, 1, #with) == with end

local function is_wanted(id, name, owner, at)
  return (wanted.name == '' or wanted.name == name) and (wanted.owner == '' or wanted.owner == owner)
    and begins(id, wanted.prefix) and (wanted.before == 0 or at < wanted.before) and at >= wanted.after
end

local function read_wanted(name, owner, prefix, before, after)
  wanted = {name = name, owner = owner, prefix = prefix, before = tonumber(before), after = tonumber(after)}
end

-- How many members of a sorted set come before the last one that was looked at, or with it (`and_it`: 1); `cursor` is its
-- score and member. It may have been removed since.
local function count_to(key, cursor, and_it)
  local last, member = string.match(cursor, '^(%S+) (%S+)$')
  local rank = redis.call('ZRANK', key, member)
  if rank then return rank + and_it end
  return redis.call('ZCOUNT', key, '-inf', and_it == 1 and '(' .. last or last)
end

-- Some members behind a cursor ('' at first), `back` from the last to the first; and what is the cursor behind so many of
-- them.
local function walk(key, cursor, most, back)
  local first, last
  if back then
    last = (cursor == '' and redis.call('ZCARD', key) or count_to(key, cursor, 0)) - 1
    first = math.max(0, last - most + 1)
  else
    first = cursor == '' and 0 or count_to(key, cursor, 1)
    last = first + most - 1
  end
  local found, ids, cursors = last >= first and redis.call('ZRANGE', key, first, last, 'WITHSCORES') or {}, {}, {}
  for i = 1, #found, 2 do
    local at = back and (#found - i + 1) / 2 or (i + 1) / 2
    ids[at], cursors[at] = found[i], digits(tonumber(found[i + 1])) .. ' ' .. found[i]
  end
  return ids, function(reached) return reached == #ids and #ids < most and '' or cursors[reached] or '' end
end

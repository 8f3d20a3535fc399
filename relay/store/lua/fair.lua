-- Turns of owners, for jobs that ask for it (`Job.fair`). The places in a line are its rounds. A job goes into the first
-- round behind the last one that its owner has a job in; where there is none, it opens one where it has arrived. So an owner
-- has one job in a round, its jobs stay in their order, and those of an owner with few come before those of one with many.
-- No round is opened before one that there is: whatever waits (jobs without turns, too) waits for the rounds before it, each
-- with one job of an owner at most, and a line goes beside other lines by when its rounds were opened.
-- `fair` has the last round of each owner and priority in a line. Whoever gets an entry takes those out that say nothing any
-- more, because they are before the first round: no more are left than owners have jobs here, and a line's entries expire.
-- needs: prelude, places
local KEEP_TURNS = 86400000 -- ms after the last job came into a line
local PRIORITY = 35184372088832 -- places of one priority: see `score`
local turns, opened = {}, {} -- of this script: by line's key, then turn (priority and owner); rounds by key and priority

-- What an owner's last round in a line was, for jobs of one priority: `last` (digits), `first`: below all of the priority.
local function turn_of(key, priority, owner)
  local of_line, word = turns[key], priority .. ' ' .. owner
  if not of_line then
    of_line = {}
    turns[key] = of_line
  end
  local turn = of_line[word]
  if not turn then
    local last = redis.call('ZSCORE', key, word)
    turn = {last = last and digits(tonumber(last)), first = digits(-priority * PRIORITY), seen = 0}
    of_line[word] = turn
  end
  return turn
end

-- The first round behind the owner's last, nil for none: of the store, then of this script, which may not have written them
-- yet (those of jobs without turns aside: a front submits jobs of one kind).
local function next_round(turn, line, rounds, place)
  if not turn.is_through then
    local after = '(' .. (turn.last or turn.first)
    local found = redis.call('ZRANGEBYSCORE', line, after, '(' .. place, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if found then return digits(tonumber(found)) end
    turn.is_through = true
  end
  repeat
    turn.seen = turn.seen + 1
  until not rounds[turn.seen] or not turn.last or tonumber(rounds[turn.seen]) > tonumber(turn.last)
  return rounds[turn.seen]
end

-- Where a job of an owner goes that would go to this place if there were no turns; places are digits.
local function place_in_turn(name, lane, priority, owner, place)
  local key = named('fair', lane == '' and name or name .. ':' .. lane)
  local turn, of_priority = turn_of(key, priority, owner), key .. ' ' .. priority
  local rounds = opened[of_priority] or {}
  local round = next_round(turn, line_of(name, lane), rounds, place)
  if not round then
    round = place
    rounds[turn.seen], opened[of_priority] = round, rounds
  end
  if not turn.last then redis.call('ZREMRANGEBYSCORE', key, turn.first, '(' .. round) end
  turn.last = round
  return round
end

local function write_turns()
  for key, of_line in pairs(turns) do
    local entries = {}
    for word, turn in pairs(of_line) do
      entries[#entries + 1] = turn.last
      entries[#entries + 1] = word
    end
    each_slice(entries, 2000, function(...) redis.call('ZADD', key, ...) end)
    redis.call('PEXPIRE', key, KEEP_TURNS)
  end
end

-- Turns of owners, for jobs that ask for it (`Job.fair`). The places in a line are its rounds. A job goes into the first
-- round behind the last one that its owner has a job in; where there is none, it opens one where it has arrived. So an owner
-- has one job in a round, its jobs stay in their order, and those of an owner with few come before those of one with many.
-- No round is opened before one that there is: whatever waits (jobs without turns, too) waits for the rounds before it, each
-- with one job of an owner at most, and a line goes beside other lines by when its rounds were opened.
-- `fair` has the last round of each owner and priority in a line. Whoever gets an entry takes out some that say nothing any
-- more, because they are before the first round: in the end as many are left as owners have jobs here. They expire.
-- needs: prelude, places
local KEEP_TURNS = 86400000 -- ms after the last job came into a line
local PRIORITY = 35184372088832 -- places of one priority: see `score`
local lines = {} -- of this script, by name and lane

-- A line: `turns` of owners, by priority and owner; of each priority the rounds that this script `opened`.
local function line_with_turns(name, lane)
  local where = lane == '' and name or name .. ':' .. lane
  local line = lines[where]
  if not line then
    line = {key = line_of(name, lane), turns_key = named('fair', where), turns = {}, opened = {}}
    lines[where] = line
  end
  return line
end

-- An owner's turn: its `last` round, and `first`, which is below all of the priority.
local function turn_of(line, priority, owner)
  local word = priority .. ' ' .. owner
  local turn = line.turns[word]
  if not turn then
    local last = redis.call('ZSCORE', line.turns_key, word)
    turn = {last = last and digits(tonumber(last)), first = digits(-priority * PRIORITY), seen = 0}
    line.turns[word] = turn
  end
  return turn
end

-- The first round behind the owner's last, nil for none: of those that were there, then of those that this script opened.
local function next_round(line, turn, rounds, place)
  if not turn.is_through then
    local after, before = '(' .. (turn.last or turn.first), '(' .. (rounds[1] or place)
    local found = redis.call('ZRANGEBYSCORE', line.key, after, before, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    if found then return digits(tonumber(found)) end
    turn.is_through = true
  end
  turn.seen = turn.seen + 1
  return rounds[turn.seen]
end

-- Some of those that say nothing any more, before another one comes.
local function forget_turns(line, first, round)
  local gone = redis.call('ZRANGEBYSCORE', line.turns_key, first, '(' .. round, 'LIMIT', 0, 100)
  if #gone > 0 then redis.call('ZREM', line.turns_key, unpack(gone)) end
end

-- Where a job of an owner goes, as digits, that would go to this place if there were no turns.
local function place_in_turn(name, lane, priority, owner, where)
  local line, place = line_with_turns(name, lane), digits(where)
  local turn, rounds = turn_of(line, priority, owner), line.opened[priority] or {}
  local round = next_round(line, turn, rounds, place)
  if not round then
    round = place
    rounds[turn.seen], line.opened[priority] = round, rounds
  end
  if not turn.last then forget_turns(line, turn.first, round) end
  turn.last = round
  return round
end

-- A job without turns goes to its place, which is a round for those that have turns. (Of jobs that are submitted nobody says
-- so: those of a front are of one kind.)
local function open_round(name, lane, priority, place)
  local line = lines[lane == '' and name or name .. ':' .. lane]
  local rounds = line and line.opened[priority]
  if rounds then rounds[#rounds + 1] = digits(place) end
end

local function write_turns()
  for _, line in pairs(lines) do
    local entries = {}
    for word, turn in pairs(line.turns) do
      entries[#entries + 1] = turn.last
      entries[#entries + 1] = word
    end
    each_slice(entries, 2000, function(...) redis.call('ZADD', line.turns_key, ...) end)
    redis.call('PEXPIRE', line.turns_key, KEEP_TURNS)
  end
end

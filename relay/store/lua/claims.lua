-- Which jobs a session gets: of the names that it serves the highest priority first, then first come, whatever the line.
-- At most MOST_CLAIMS jobs and about MOST_CLAIMED bytes of them a script.
-- needs: prelude, jobs, picks, portions, settle
local MOST_CLAIMS, MOST_CLAIMED = 100, 1048576
local claims, claimed_bytes = {}, 0 -- {id, job as kept, place, name}

local function claim(id, kept, place, name)
  local latest = deadline_of(kept)
  if latest > 0 and latest <= now then
    settle(id, kept, 'expired', '', tonumber(redis.call('HGET', K.tries, id) or 0), 0)
    return false
  end
  claims[#claims + 1] = {id, kept, place, name}
  claimed_bytes = claimed_bytes + #kept
  return true
end

-- A fair share of what waits for all sessions.
local function share_of(want)
  local sessions = redis.call('ZCARD', K.session)
  if want < 2 or sessions < 2 then return want end
  local waiting = redis.call('HLEN', K.job) - redis.call('HLEN', K.run) - redis.call('ZCARD', K.delay)
  return math.min(want, math.max(1, math.ceil(waiting / sessions)))
end

local function claim_picked(ids, from)
  local jobs = read_jobs(ids)
  for i, id in ipairs(ids) do
    local line, place = unpack(from[i])
    line.out[#line.out + 1] = id
    local goes = jobs[i] and claim(id, jobs[i], place, line.name)
    if line.lane ~= '' then
      if goes then
        went[line.lane] = went[line.lane] or {}
        table.insert(went[line.lane], id)
      else
        rooms[line.lane] = rooms[line.lane] + 1
      end
    end
  end
end

-- Claims a share of the jobs that are served, of so many that are wanted; the first name that has more, nil for none.
local function claim_some(want)
  local open = open_names()
  local most = #open > 0 and share_of(want) or 0
  local looked = 0 -- at jobs, those that turn out to be late included
  while #claims < most and looked < MOST_CLAIMS and claimed_bytes < MOST_CLAIMED do
    local fit = #claims > 0 and math.ceil((MOST_CLAIMED - claimed_bytes) * #claims / claimed_bytes) or PORTION
    local ids, from = pick(open, math.min(portion(), fit, most - #claims))
    if #ids == 0 then break end
    claim_picked(ids, from)
    looked = looked + #ids
  end
  return open[1] and open[1].name
end

-- The first name of which a job waits that this session may have, nil for none.
local function first_open()
  local first = open_names()[1]
  return first and first.name
end

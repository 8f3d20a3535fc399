-- Runs: who runs a job, as `run` keeps it: session, turn that claimed it, started (ms), attempt, place that it was taken
-- from, its name (an earlier version left that out). Session and turn are the fence: only a session that names both may
-- end the run.
local function run_of(session, turn, started, attempt, place, name)
  return session .. ' ' .. turn .. ' ' .. started .. ' ' .. attempt .. ' ' .. place .. ' ' .. name
end

local function name_of_run(run) return string.match(run, '^%S+ %S+ %S+ %S+ %S+ (%S+)') end

-- session, started (ms), attempt, place, turn
local function read_run(run)
  local session, turn, started, attempt, place = string.match(run, '^(%S+) (%S+) (%S+) (%S+) (%S+)')
  return session, tonumber(started), tonumber(attempt), place, turn
end

local function is_fenced(run, session, turn)
  local fence = session .. ' ' .. turn .. ' '
  return run and string.sub(run, 1, #fence) == fence
end

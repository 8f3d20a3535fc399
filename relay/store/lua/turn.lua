--!allow-oom
-- turn: a worker reports what has ended, keeps its lease, and takes new jobs, all at once.
-- arguments: tag, epoch, session, number, lease (ms), of_nothing (the lease of a session that holds no job, ms), terms, want,
--            holds (jobs beyond those that end here), others (jobs of the worker in other sessions, see `suspects.lua`),
--            passes (1: it was woken, and has no place: another is to look), heard (how many jobs it was handed since
--            its last turn, as far as it knows; -1: it takes none), then three lists, each after its length:
--            ends (rows of `End`, at most 100), progresses (`Progress`), checkpoints (`Checkpoint`)
--            An end's state is an outcome's, or `dead` (failed for good, and kept as a dead job), or
--            `undone` (failed, and nothing was done: its key is free again), or `scheduled` (try
--            again after the delay), or `postponed` (the same, but it was not the job's fault: the attempt does not
--            count), or `queued` (given back).
-- answer:    `Turned`: more (1: work is left), due (ms until something is, -1: nothing), refused (ids whose end was),
--            claims (rows of `Claim`), alone (1: it takes nothing beside a suspected job, or to try one)
--            {'FENCED'}: no such session, its jobs may be another's by now · {'STALE'}: a later turn was taken already
-- The same number again ends and claims nothing, and answers with the same claims, less what has ended since, and with
-- what was handed to the session meanwhile.
-- needs: prelude, calm, attempts, claims, due, ends, letters, line_ends, lists, mail, news, notes, orphans, serving,
--        settle, suspects, turns
local session, number, lease = ARG.session, tonumber(ARG.number), tonumber(ARG.lease)
local want, holds, others = math.min(tonumber(ARG.want), MOST_CLAIMS), tonumber(ARG.holds), tonumber(ARG.others)
read_terms(ARG.terms)

local last, roster, claimed_last, turn = last_turn(session)
if not last then return {'FENCED'} end
local function renew(time) redis.call('ZADD', K.session, 'XX', digits(now + time), session) end
if number <= last then renew(lease) end
if number < last then return {'STALE'} end
if number == last then
  local rows, alone = claims_again(session, number, claimed_last), redis.call('HEXISTS', K.trial, session)
  join_handed(session, turn)
  return Turned{more = 1, due = -1, refused = {}, claims = rows, alone = alone}
end

-- 1. what has ended, after what it has left to go on from
local ends, after_ends = counted_rows(ARG.REST, Report.COUNT)
local progress, after_progress = counted_rows(after_ends, Progress.COUNT)
keep_checkpoints(session, (counted_rows(after_progress, Checkpoint.COUNT)))
end_attempts(session, ends)
keep_progress(session, progress)
promote()
expire()
write_settled_with_orphans() -- now, so that none of them begins below
if #let_go > 0 then redis.call('ZREM', named('held', session), unpack(let_go)) end

-- 2. what to do next: a fair share of what waits
serve_as(session)
reopen_lanes()
local handed = unheard(session, last, claimed_last, tonumber(ARG.heard))
want, holds = math.max(0, want - #handed), holds + #handed
local trying, left = tries_suspects(session, want, holds, others), nil
if not trying and want > 0 then
  left = claim_some(want)
  settle_lines()
end
local places = want - #claims
append(claims, handed)
if ARG.passes == '1' then left = first_open() end
local rows, taken = begin(session, number)
write_settled() -- what turned out to be late
renew(holds + #taken > 0 and lease or tonumber(ARG.of_nothing))
if has_roster() then keep_turn(session, number, roster, taken) end

-- 3. who else should look: this session when it has places left, else one that is idle
local idle = named('idle', roster)
if places > 0 and not left and not trying then
  say_idle(idle, session, places, ARG.heard)
else
  redis.call('HDEL', idle, session)
  if left then wake(left, 1) end
end
send_news()
return Turned{
  more = left and 1 or 0, due = next_due(K.shut), refused = refused, claims = rows, alone = trying and 1 or 0}

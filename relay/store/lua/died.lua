--!no-writes
-- died: some of the dead jobs, those first that died last.
-- arguments: tag, epoch, cursor ('' at first), only (1: those whose outcome is gone), name, owner, prefix (of the id),
--            before, after (ms, when it died)
-- answer:    {'OK', now, seq, the next cursor ('': that was all), how many were looked at, rows of `Listed`}: finished is
--            when it died
-- needs: prelude, reads, jobs, picked, portions, slugs
local MOST = 50
read_wanted(ARG.name, ARG.owner, ARG.prefix, ARG.before, ARG.after)
local ids, cursor_behind = walk(K.dead, ARG.cursor, MOST, true)
local rows, reached = {}, 0

local function tell(id, letter)
  local kept, cause = letter[DeadJob.kept], letter[DeadJob.cause]
  local job = fields_of(kept)
  if not is_wanted(id, job[Job.name], job[Job.owner], letter[DeadJob.died]) then return end
  if ARG.only == '1' and redis.call('EXISTS', named('result', id)) == 1 then return end
  append(rows, Listed{
    id = id, name = job[Job.name], queue = queue_of(job[Job.name], job[Job.queue]),
    owner = job[Job.owner], lane = job[Job.lane], state = 'dead',
    created = created_of(kept), started = 0, finished = letter[DeadJob.died], attempts = 0, problem = slug_of(cause)})
end

while reached < #ids and read_bytes < READ_MOST do
  reached = reached + 1
  local packed = redis.call('HGET', K.letter, ids[reached])
  if packed then
    read_bytes = read_bytes + #packed
    tell(ids[reached], cmsgpack.unpack(packed))
  end
end
return {'OK', now, seq, cursor_behind(reached), reached, unpack(rows)}

--!allow-oom
-- listen: where a job stands, and what it has put out after a place; of a live job this inbox hears from now on how it goes
-- on, what it puts out, and how it ends.
-- arguments: tag, epoch, owner, inbox, most (pieces), most_bytes (of them, roughly), id, starts, number (the place)
-- answer:    `Listened`: standing (see standing.lua; with `starts`), more (1: there are pieces behind these), gap (1: some
--            in front of them are not kept any more), pieces (rows of `Piece`, each following upon the one before it)
-- needs: prelude, writes, log_reads, standing, starts, waiters
local id, inbox = ARG.id, ARG.inbox
local known, kept = standing(id, ARG.owner)
if known[1] == 'none' then return Listened{seq = seq, standing = known, more = 0, gap = 0, pieces = {}} end
if kept then
  known[JobStatus.starts] = starts_of(id, known[JobStatus.attempts])
  add_waiter(id, kept, inbox)
  local others = redis.call('HGET', K.listen, id)
  if not others then
    redis.call('HSET', K.listen, id, inbox)
  elseif not string.find(' ' .. others .. ' ', ' ' .. inbox .. ' ', 1, true) then
    redis.call('HSET', K.listen, id, others .. ' ' .. inbox)
  end
end
local place = {tonumber(ARG.starts), tonumber(ARG.number)}
local pieces, more, gap = pieces_after(id, place, tonumber(ARG.most), tonumber(ARG.most_bytes))
return Listened{
  seq = seq, standing = known, more = more and 1 or 0, gap = gap and 1 or 0, pieces = pieces}

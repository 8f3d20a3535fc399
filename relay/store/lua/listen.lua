--!allow-oom
-- listen: where a job stands, and what it has put out after a place; of a live job this inbox hears from now on how it goes
-- on, what it puts out, and how it ends.
-- arguments: tag, epoch, owner, inbox, most (pieces), most_bytes (of them, roughly), id, starts, number (the place)
-- answer:    `Listened`: standing (see standing.lua; with `starts`), more (1: there are pieces behind these), gap (1: some
--            in front of them are not kept any more), pieces (rows of `Piece`, each following upon the one before it)
-- needs: prelude, writes, listeners, logs, portions, standing, starts, waiters
local id, place = ARG.id, {tonumber(ARG.starts), tonumber(ARG.number)}
local known, kept = standing(id, ARG.owner)
if kept then
  known[JobStatus.starts] = starts_of(id)
  add_waiter(id, kept, ARG.inbox)
  listen(id, ARG.inbox)
end
local rows, more, gap = {}, false, false
if known[1] ~= 'none' then rows, more, gap = pieces_after(id, place, tonumber(ARG.most), tonumber(ARG.most_bytes)) end
return Listened{standing = known, more = more and 1 or 0, gap = gap and 1 or 0, pieces = rows}
